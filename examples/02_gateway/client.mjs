// Publish a birth at one gateway and read it at another, as server-sent events; nothing to install.
//   node client.mjs http://127.0.0.1:8080 http://127.0.0.1:8081
// XROAD_LITE_TOKEN is shown to both, if it is set: xroad-lite gateway token new NAME
const [publisher, reader] = process.argv.slice(2);
if (!reader) {
  console.error("usage: client.mjs PUBLISHER READER, the addresses of two gateways");
  process.exit(2);
}
process.on("uncaughtException", ({ message, cause }) => {
  console.error([message, cause?.message].filter(Boolean).join(": "));
  process.exit(1);
});
const token = process.env.XROAD_LITE_TOKEN;
const births = "/api/v1/messages/health.birth";

async function ask(url, options = {}) {
  const shown = token ? { Authorization: `Bearer ${token}` } : {};
  const answer = await fetch(url, { ...options, headers: { ...shown, ...options.headers } });
  if (!answer.ok) {
    const problem = await answer.json(); // RFC 9457: code, detail, hint, the checks of the verdict
    throw new Error([problem.code, problem.detail, problem.hint].filter(Boolean).join(": "));
  }
  return answer;
}

async function* messages(stream) {
  let text = "";
  for await (const chunk of stream.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    const events = text.split("\n\n");
    text = events.pop();
    for (const event of events) {
      const data = event.split("\n").find((line) => line.startsWith("data: "));
      if (data) yield JSON.parse(data.slice("data: ".length));
    }
  }
}

const birth = {
  resourceType: "Patient",
  birthDate: "2026-03-14",
  gender: "female",
  identifier: [{ use: "official", system: "urn:example:births", value: "B-2026-0001" }],
  name: [{ use: "official", family: "Rojas", given: ["Elena"] }],
};

const events = await ask(`${reader}${births}/events`, {
  headers: { "Accept-Profile": "citizens.person" },
});
const published = await ask(publisher + births, {
  method: "POST",
  headers: { "Content-Type": "application/json" },
  body: JSON.stringify(birth),
});
console.log("published", (await published.json()).id);

for await (const { entry, message, losses } of messages(events.body)) {
  console.log("read", message.id, JSON.stringify(message.data), `${losses.length} losses`);
  await ask(`${reader}${births}/${entry}/acknowledge`, { method: "POST" });
  console.log("acknowledged", entry);
  break;
}
