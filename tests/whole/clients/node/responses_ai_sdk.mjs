// The AI SDK's default provider. Prints one JSON line.
import { createOpenAI } from "@ai-sdk/openai";
import { generateObject, generateText, stepCountIs, streamText, tool } from "ai";
import { form, picture, question, refusal, report, tools, url } from "./responses_scenario.mjs";

const model = createOpenAI({ baseURL: url, apiKey: "anything" })("sonnet");
const plain = { model, maxRetries: 0 };
const own = Object.fromEntries(
  tools.map(({ name, description, schema, run }) => [name, tool({ description, inputSchema: schema, execute: run })]),
);
const agent = { ...plain, tools: own, stopWhen: stepCountIs(5), prompt: question };

async function pieces(stream) {
  const found = [];
  for await (const piece of stream.textStream) found.push(piece);
  return found;
}

const whole = await generateText({ ...plain, prompt: "hi" });
const streamed = await pieces(streamText({ ...plain, prompt: "hi" }));
const loop = await generateText(agent);
const stream = streamText(agent);
const streamedLoop = (await pieces(stream)).join("");
const { object } = await generateObject({ ...plain, schema: report, prompt: form });
const image = { type: "file", data: Buffer.from(picture, "base64"), mediaType: "image/png" };
const content = [{ type: "text", text: "What is this?" }, image];
const seen = await generateText({ ...plain, messages: [{ role: "user", content }] });
const refused = await refusal(generateText({ ...plain, prompt: "fail" }));
const abort = new AbortController();
let begun = "";
for await (const piece of streamText({ ...plain, prompt: "Wait.", abortSignal: abort.signal }).textStream) {
  begun += piece;
  abort.abort();
}
console.log(
  JSON.stringify({
    whole: whole.text,
    total: whole.usage.totalTokens,
    streamed,
    loop: loop.text,
    streamed_loop: [await stream.text, streamedLoop],
    steps: (await stream.steps).map((step) => step.finishReason),
    form: object,
    picture: seen.text,
    refused,
    begun,
  }),
);
