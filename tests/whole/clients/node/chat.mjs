// The official client as anybody writes it: a stream, a whole answer, an error. Prints one JSON line.
import OpenAI from "openai";

const client = new OpenAI({ baseURL: process.argv[2], apiKey: "anything", maxRetries: 0 });
const messages = [
  { role: "system", content: "Be terse." },
  { role: "user", content: "hi" },
];

const stream = client.chat.completions.stream({ model: "sonnet", messages, stream_options: { include_usage: true } });
let deltas = 0;
stream.on("content", () => (deltas += 1));
const streamed = await stream.finalContent();
const usage = await stream.totalUsage();

const whole = await client.chat.completions.create({ model: "sonnet", messages });

let refused = null;
try {
  await client.chat.completions.create({ model: "sonnet", messages: [{ role: "user", content: "fail" }] });
} catch (error) {
  refused = { status: error.status, message: error.message };
}

const models = [];
for await (const model of client.models.list()) models.push(model.id);

console.log(
  JSON.stringify({
    deltas,
    streamed,
    total: usage.total_tokens,
    whole: whole.choices[0].message.content,
    reason: whole.choices[0].finish_reason,
    refused,
    models,
  }),
);
