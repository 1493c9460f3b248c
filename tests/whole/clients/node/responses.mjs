// The AI SDK's default provider and the official client on the Responses API. Prints one JSON line.
import { createOpenAI } from "@ai-sdk/openai";
import { generateObject, generateText, stepCountIs, streamText, tool } from "ai";
import OpenAI from "openai";
import { z } from "zod";

const baseURL = process.argv[2];
const model = createOpenAI({ baseURL, apiKey: "anything" })("sonnet");
const degrees = { Paris: "21", Oslo: "9" };
const tools = {
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
};
const question = "Which is warmer, Paris or Oslo, and by how much?";
const settings = { model, tools, stopWhen: stepCountIs(5), maxRetries: 0 };
const found = {};

const whole = await generateText({ ...settings, prompt: question });
const stream = streamText({ ...settings, prompt: question });
let streamed = "";
for await (const piece of stream.textStream) streamed += piece;
const schema = z.object({ city: z.string(), degrees: z.number().int() });
const { object } = await generateObject({ model, schema, prompt: "Oslo's weather, as JSON", maxRetries: 0 });
found.sdk = { whole: whole.text, streamed, steps: (await stream.steps).map((step) => step.finishReason), form: object };

// The second request refers to the stored items of the first one.
const providerOptions = { openai: { reasoningSummary: "auto", forceReasoning: true } };
const hi = { role: "user", content: "Greet me." };
const first = await generateText({ model, messages: [hi], maxRetries: 0, providerOptions });
const messages = [hi, ...first.response.messages, { role: "user", content: "Greet me again." }];
const second = await generateText({ model, messages, maxRetries: 0, providerOptions });
found.again = [first.text, second.text];

const client = new OpenAI({ baseURL, apiKey: "anything", maxRetries: 0 });
const events = await client.responses.create({ model: "sonnet", input: "Greet me.", stream: true });
const kinds = [];
for await (const event of events) kinds.push(event.type);
const response = await client.responses.create({ model: "sonnet", input: "Greet me." });
const next = { model: "sonnet", input: "Greet me again.", previous_response_id: response.id };
const last = await client.responses.stream(next).finalResponse();
found.client = { kinds: [kinds[0], kinds.at(-1)], whole: response.output_text, last: last.output_text };
try {
  await client.responses.create({ model: "sonnet", input: "Hi", previous_response_id: "resp_unknown" });
} catch (error) {
  found.client.refused = error.code;
}
console.log(JSON.stringify(found));
