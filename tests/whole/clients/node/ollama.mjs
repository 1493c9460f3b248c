// Ollama's official client as anybody writes it: a stream, a tool loop, a schema, an error. Prints one JSON line.
import { Ollama } from "ollama";

const client = new Ollama({ host: process.argv[2].replace(/\/v1$/, "") });
const model = "sonnet";
const question = [{ role: "user", content: "hi" }];

const parts = [];
let last = null;
for await (const part of await client.chat({ model, messages: question, stream: true })) {
  if (part.message.content) parts.push(part.message.content);
  last = part;
}

const whole = await client.chat({ model, messages: question });
const generated = await client.generate({ model, prompt: "hi" });

const weather = {
  type: "function",
  function: {
    name: "get_weather",
    description: "In degrees.",
    parameters: { type: "object", required: ["city"], properties: { city: { type: "string" } } },
  },
};
const messages = [{ role: "user", content: "weather" }];
const first = await client.chat({ model, messages, tools: [weather] });
messages.push(first.message);
for (const call of first.message.tool_calls) {
  messages.push({ role: "tool", tool_name: call.function.name, content: `${call.function.arguments.city}: 21` });
}
const answer = await client.chat({ model, messages, tools: [weather] });

let refused = null;
try {
  await client.chat({ model, messages: [{ role: "user", content: "fail" }] });
} catch (error) {
  refused = { status: error.status_code, message: error.message };
}

const models = (await client.list()).models.map((row) => row.name);
const shown = await client.show({ model });
console.log(
  JSON.stringify({
    parts,
    reason: last.done_reason,
    whole: whole.message.content,
    generated: generated.response,
    answer: answer.message.content,
    refused,
    models,
    capabilities: shown.capabilities,
  }),
);
