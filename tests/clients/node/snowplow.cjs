// Sends a page view, a structured and a self-describing event through Snowplow's Node tracker, as it comes.
const { newTracker, buildPageView, buildSelfDescribingEvent, buildStructEvent } = require("@snowplow/node-tracker");

const [host, key] = process.argv.slice(2);
let waiting = 3;
const tracker = newTracker(
  { namespace: "sp", appId: key, encodeBase64: process.argv[4] === "base64" },
  {
    endpoint: host,
    bufferSize: 1,
    onRequestSuccess: (events) => {
      waiting -= events.length;
      if (waiting === 0) console.log("sent");
    },
    onRequestFailure: (failure) => {
      console.error(failure.status, failure.message);
      process.exitCode = 1;
    },
  },
);
tracker.setUserId("snowplow-node-user");
tracker.track(buildPageView({ pageUrl: "https://shop.example/p/1", pageTitle: "P1" }));
tracker.track(buildStructEvent({ category: "shop", action: "add-to-basket", label: "sku1", value: 2 }));
tracker.track(
  buildSelfDescribingEvent({
    event: {
      schema: "iglu:com.snowplowanalytics.snowplow.ecommerce/snowplow_ecommerce_action/jsonschema/1-0-2",
      data: { type: "add_to_cart" },
    },
  }),
  [
    {
      schema: "iglu:com.snowplowanalytics.snowplow.ecommerce/product/jsonschema/1-0-0",
      data: { id: "p1", price: 5, currency: "EUR", category: "Hats" },
    },
  ],
);
