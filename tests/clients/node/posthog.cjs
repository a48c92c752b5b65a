// Sends events, an alias, a group and properties through PostHog's Node library, as it comes.
const { PostHog } = require("posthog-node");

const [host, key] = process.argv.slice(2);
const client = new PostHog(key, { host, flushAt: 10, flushInterval: 100 });
client.on("error", (error) => {
  console.error(error);
  process.exitCode = 1;
});

client.capture({ distinctId: "posthog-node-user", event: "order completed", properties: { revenue: 20 } });
client.identify({ distinctId: "posthog-node-user", properties: { plan: "pro" } });
client.alias({ distinctId: "posthog-node-user", alias: "posthog-node-browser" });
client.groupIdentify({ groupType: "company", groupKey: "acme", properties: { name: "Acme" } });
client.shutdown().then(() => console.log("sent"));
