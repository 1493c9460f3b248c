// The official client's own tool loop, whole and streamed, and an answer that fits a form. Prints one JSON line.
import OpenAI from "openai";
import { zodResponseFormat } from "openai/helpers/zod";
import { z } from "zod";

const client = new OpenAI({ baseURL: process.argv[2], apiKey: "anything", maxRetries: 0 });
const degrees = { Paris: "21", Oslo: "9" };
const integers = { a: { type: "integer" }, b: { type: "integer" } };
const tools = [
  {
    type: "function",
    function: {
      name: "get_weather",
      description: "The temperature in a city, in degrees.",
      parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
      parse: JSON.parse,
      function: ({ city }) => degrees[city],
    },
  },
  {
    type: "function",
    function: {
      name: "difference",
      description: "What is left of a when b is taken away.",
      parameters: { type: "object", properties: integers, required: ["a", "b"] },
      parse: JSON.parse,
      function: ({ a, b }) => String(a - b),
    },
  },
];
const messages = [{ role: "user", content: "Which is warmer, Paris or Oslo, and by how much?" }];

const run = client.chat.completions.runTools({ model: "sonnet", messages, tools });
const whole = await run.finalContent();

const called = [];
const stream = client.chat.completions.runTools({ model: "sonnet", messages, tools, stream: true });
stream.on("functionToolCall", (call) => called.push(call.name));
const streamed = await stream.finalContent();

const report = z.object({ city: z.string(), degrees: z.number().int() });
const parsed = await client.chat.completions.parse({
  model: "sonnet",
  messages: [{ role: "user", content: "Oslo's weather, as JSON" }],
  response_format: zodResponseFormat(report, "report"),
});

console.log(JSON.stringify({ whole, streamed, called, form: parsed.choices[0].message.parsed }));
