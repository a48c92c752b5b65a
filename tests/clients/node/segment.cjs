// Sends an identify, a track and a page call through Segment's Node library, as it comes.
const { Analytics } = require("@segment/analytics-node");

const [host, writeKey] = process.argv.slice(2);
const analytics = new Analytics({ host, writeKey, flushInterval: 100 });
analytics.on("error", (error) => {
  console.error(error);
  process.exitCode = 1;
});

analytics.track({ anonymousId: "node-browser", event: "Product Viewed", properties: { price: 5 } });
analytics.identify({ userId: "node-user", anonymousId: "node-browser", traits: { plan: "pro" } });
analytics.track({ userId: "node-user", event: "Order Completed", properties: { value: 19.99 } });
analytics.page({ userId: "node-user", name: "Home" });
analytics.closeAndFlush({ timeout: 10000 }).then(() => console.log("sent"));
