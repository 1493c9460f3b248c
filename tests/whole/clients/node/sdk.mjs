// The AI SDK with both of its chat providers: a tool loop, whole and streamed, and a form. Prints one JSON line.
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateObject, generateText, stepCountIs, streamText, tool } from "ai";
import { z } from "zod";

const baseURL = process.argv[2];
const models = {
  compatible: createOpenAICompatible({ name: "bridge", baseURL, apiKey: "anything", includeUsage: true })("sonnet"),
  structured: createOpenAICompatible({ name: "bridge", baseURL, supportsStructuredOutputs: true })("sonnet"),
  openai: createOpenAI({ baseURL, apiKey: "anything" }).chat("sonnet"),
};
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
const asked = { prompt: "Which is warmer, Paris or Oslo, and by how much?", tools, stopWhen: stepCountIs(5), maxRetries: 0 };

const found = {};
for (const [name, model] of Object.entries(models)) {
  const whole = await generateText({ ...asked, model });
  const stream = streamText({ ...asked, model });
  let streamed = "";
  for await (const piece of stream.textStream) streamed += piece;
  const steps = (await stream.steps).map((step) => step.finishReason);
  const schema = z.object({ city: z.string(), degrees: z.number().int() });
  const { object } = await generateObject({ model, schema, prompt: "Oslo's weather, as JSON", maxRetries: 0 });
  found[name] = { whole: whole.text, streamed, steps, tokens: (await stream.totalUsage).totalTokens, form: object };
}
console.log(JSON.stringify(found));
