// The AI SDK's default provider and the official client on the Responses API. Prints one JSON line.
import { createOpenAI } from "@ai-sdk/openai";
import { generateText } from "ai";
import OpenAI from "openai";

const baseURL = process.argv[2];
const model = createOpenAI({ baseURL, apiKey: "anything" })("sonnet");
const found = {};

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
