// LangChain.js on the Responses API. Prints one JSON line.
import { HumanMessage, ToolMessage } from "@langchain/core/messages";
import { tool } from "@langchain/core/tools";
import { ChatOpenAI } from "@langchain/openai";
import { form, picture, question, refusal, report, tools, url } from "./responses_scenario.mjs";

const configuration = { baseURL: url };
const chat = new ChatOpenAI({
  model: "sonnet",
  apiKey: "anything",
  maxRetries: 0,
  useResponsesApi: true,
  configuration,
});
const own = tools.map(({ name, description, schema, run }) => tool(run, { name, description, schema }));
const agent = chat.bindTools(own);

// An answer, put together from its stream, and the pieces of text.
async function answered(model, input) {
  let message;
  const texts = [];
  for await (const chunk of await model.stream(input)) {
    message = message ? message.concat(chunk) : chunk;
    if (chunk.text) texts.push(chunk.text);
  }
  return { message, texts };
}

async function loop(ask) {
  const messages = [new HumanMessage(question)];
  for (;;) {
    const message = await ask(messages);
    messages.push(message);
    if (!message.tool_calls.length) return message.text;
    for (const call of message.tool_calls) {
      const result = await own.find(({ name }) => name === call.name).invoke(call.args);
      messages.push(new ToolMessage({ content: result, tool_call_id: call.id }));
    }
  }
}

const whole = await chat.invoke("hi");
const { texts: streamed } = await answered(chat, "hi");
const looped = await loop((messages) => agent.invoke(messages));
const pieces = [];
const streamedLoop = await loop(async (messages) => {
  const { message, texts } = await answered(agent, messages);
  pieces.push(...texts);
  return message;
});
const forms = {};
for (const method of ["jsonSchema", "functionCalling"]) {
  forms[method] = await chat.withStructuredOutput(report, { method, name: "Report" }).invoke(form);
}
const image = { type: "image_url", image_url: { url: `data:image/png;base64,${picture}` } };
const seen = await chat.invoke([new HumanMessage({ content: [{ type: "text", text: "What is this?" }, image] })]);
const refused = await refusal(chat.invoke("fail"));
let begun = "";
const abort = new AbortController();
try {
  for await (const chunk of await chat.stream("Wait.", { signal: abort.signal })) {
    begun += chunk.text;
    if (begun) abort.abort();
  }
} catch (error) {
  if (!abort.signal.aborted) throw error;
}
console.log(
  JSON.stringify({
    whole: whole.text,
    total: whole.usage_metadata.total_tokens,
    streamed,
    loop: looped,
    streamed_loop: [streamedLoop, pieces.join("")],
    form: forms.jsonSchema,
    form_by_tool: forms.functionCalling,
    picture: seen.text,
    refused,
    begun,
  }),
);
