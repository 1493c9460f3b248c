// Anthropic's client and the AI SDK's provider: streams, whole answers, a tool loop, an error. Prints one JSON line.
import { createAnthropic } from "@ai-sdk/anthropic";
import Anthropic from "@anthropic-ai/sdk";
import { generateText, stepCountIs, streamText, tool } from "ai";
import { z } from "zod";

const address = process.argv[2];
const client = new Anthropic({ baseURL: address, apiKey: "anything", maxRetries: 0 });
const asked = { model: "sonnet", max_tokens: 900 };
const hi = [{ role: "user", content: "hi" }];
const question = "Which is warmer, Paris or Oslo, and by how much?";
const degrees = { Paris: "21", Oslo: "9" };

const stream = client.messages.stream({ ...asked, system: "Be terse.", messages: hi });
let deltas = 0;
stream.on("text", () => (deltas += 1));
const final = await stream.finalMessage();
const whole = await client.messages.create({ ...asked, messages: hi });

let refused = null;
try {
  await client.messages.create({ ...asked, messages: [{ role: "user", content: "fail" }] });
} catch (error) {
  refused = { status: error.status, message: error.message, id: error.requestID };
}

const schema = (properties, required) => ({ type: "object", properties, required });
const tools = [
  { name: "get_weather", description: "In degrees.", input_schema: schema({ city: { type: "string" } }, ["city"]) },
  { name: "difference", input_schema: schema({ a: { type: "integer" }, b: { type: "integer" } }, ["a", "b"]) },
];
const messages = [{ role: "user", content: question }];
let answer;
for (;;) {
  answer = await client.messages.stream({ ...asked, messages, tools }).finalMessage();
  if (answer.stop_reason !== "tool_use") break;
  const calls = answer.content.filter((block) => block.type === "tool_use");
  const results = calls.map(({ id, name, input }) => ({
    type: "tool_result",
    tool_use_id: id,
    content: name === "get_weather" ? degrees[input.city] : String(input.a - input.b),
  }));
  messages.push({ role: "assistant", content: answer.content }, { role: "user", content: results });
}

const model = createAnthropic({ baseURL: `${address}/v1`, apiKey: "anything" })("claude-sonnet-5");
const loop = {
  model,
  prompt: question,
  maxRetries: 0,
  stopWhen: stepCountIs(5),
  tools: {
    get_weather: tool({
      description: "The temperature in a city, in degrees.",
      inputSchema: z.object({ city: z.string() }),
      execute: async ({ city }) => degrees[city],
    }),
    difference: tool({
      description: "What is left of a when b is taken away.",
      inputSchema: z.object({ a: z.number().int(), b: z.number().int() }),
      execute: async ({ a, b }) => String(a - b),
    }),
  },
};
const sdk = await generateText(loop);
const streamed = streamText(loop);
let text = "";
for await (const piece of streamed.textStream) text += piece;

const models = [];
for await (const found of client.models.list()) models.push(found.id);

console.log(
  JSON.stringify({
    deltas,
    streamed: final.content[0].text,
    usage: final.usage,
    whole: whole.content[0].text,
    reason: whole.stop_reason,
    refused,
    loop: answer.content.at(-1).text,
    sdk: sdk.text,
    sdkStreamed: text,
    steps: (await streamed.steps).map((step) => step.finishReason),
    models,
  }),
);
