// Sends an identify, a track and a page call through RudderStack's Node library, as it comes.
const Analytics = require("@rudderstack/rudder-sdk-node");

const [host, writeKey] = process.argv.slice(2);
const analytics = new Analytics(writeKey, { dataPlaneUrl: host, flushInterval: 100 });

analytics.track({ anonymousId: "rudder-node-browser", event: "Product Viewed", properties: { price: 5 } });
analytics.identify({
  userId: "rudder-node-user",
  anonymousId: "rudder-node-browser",
  traits: { plan: "pro" },
});
analytics.page({ userId: "rudder-node-user", name: "Home" });
analytics.flush().then(() => {
  console.log("sent");
  process.exit(0);
}, (error) => {
  console.error(error);
  process.exit(1);
});
