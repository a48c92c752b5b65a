// Sends an event in each mode that the CloudEvents library for Node makes.
const { CloudEvent, HTTP } = require("cloudevents");

const [host, key] = process.argv.slice(2);
const made = (id) =>
  new CloudEvent({
    id,
    source: "https://shop.example/checkout",
    type: "com.example.order.completed",
    subject: "cloud-node-user",
    data: { order_id: "o1", revenue: 20 },
  });

async function post(message) {
  const headers = { ...message.headers, authorization: `Bearer ${key}` };
  const body = typeof message.body === "string" ? message.body : JSON.stringify(message.body);
  const answer = await fetch(`${host}/v1/events`, { method: "POST", headers, body });
  const said = await answer.json();
  if (answer.status !== 200 || said.accepted !== 1) throw new Error(JSON.stringify(said));
}

post(HTTP.binary(made("node-1")))
  .then(() => post(HTTP.structured(made("node-2"))))
  .then(() => console.log("sent"));
