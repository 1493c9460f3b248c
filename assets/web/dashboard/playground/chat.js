// Asks a model over the public API, as any client would, and reads the stream of its answer.

import { ApiError, authorized } from "../common/api.js";
import { quoted } from "../connect/curl.js";

const PATH = "/v1/chat/completions";

/** The body of a request. `turns`: {role, text, pictures} in order. */
export function bodyOf({ model, effort, system, turns }) {
  const messages = turns.map(({ role, text, pictures = [] }) => ({
    role,
    content: pictures.length
      ? [{ type: "text", text }, ...pictures.map((picture) => ({ type: "image_url", image_url: { url: picture.url } }))]
      : text,
  }));
  return {
    model,
    ...(effort && { reasoning_effort: effort }),
    messages: system.trim() ? [{ role: "system", content: system.trim() }, ...messages] : messages,
  };
}

/**
 * Sends the request and calls `onChange` with the answer so far: {text, thoughts, model, way, id, usage, finish,
 * firstMs, totalMs}. `finish` is the reason why it ended, as the API names it. Throws `ApiError`; an aborted `signal` ends it without an error.
 */
export async function ask(body, signal, onChange) {
  const began = performance.now();
  let answer = { text: "", thoughts: "", model: "", way: "", id: "", usage: null, finish: null, firstMs: null, totalMs: null };
  const change = (what) => {
    answer = { ...answer, ...what };
    onChange(answer);
  };
  const options = { headers: { "X-Title": "Playground" }, signal };
  const reply = await authorized("POST", PATH, { ...body, stream: true, stream_options: { include_usage: true } }, options);
  const header = (name) => reply.headers.get(name) ?? "";
  change({ model: header("x-drawbridge-model"), way: header("x-drawbridge-way"), id: header("x-request-id") });
  for await (const chunk of events(reply.body)) {
    if (chunk.error) {
      throw new ApiError(chunk.error.message, reply.status, chunk.error.code);
    }
    const delta = chunk.choices?.[0]?.delta ?? {};
    if ((delta.content || delta.reasoning_content) && answer.firstMs === null) {
      change({ firstMs: performance.now() - began });
    }
    if (delta.content) {
      change({ text: answer.text + delta.content });
    }
    if (delta.reasoning_content) {
      change({ thoughts: answer.thoughts + delta.reasoning_content });
    }
    if (chunk.choices?.[0]?.finish_reason) {
      change({ finish: chunk.choices[0].finish_reason });
    }
    if (chunk.usage) {
      change({ usage: chunk.usage });
    }
  }
  change({ totalMs: performance.now() - began });
  return answer;
}

/** The models that answer, each once: [{id, name}]. The server lists them under several ids, as clients want them. */
export async function models() {
  const reply = await authorized("GET", "/v1/models", null, { headers: { "X-Title": "Playground" } });
  const found = new Map();
  for (const { id, name = id } of (await reply.json()).data) {
    if (!id.startsWith("cc:") && !name.includes("(embeddings)") && !found.has(name)) {
      found.set(name, { id, name });
    }
  }
  return [...found.values()];
}

async function* events(stream) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) {
        return;
      }
      const lines = (rest + value).split("\n");
      rest = lines.pop();
      for (const line of lines) {
        const data = line.startsWith("data:") ? line.slice(5).trim() : "";
        if (data && data !== "[DONE]") {
          yield JSON.parse(data);
        }
      }
    }
  } finally {
    // Ends the request if the reader stops early.
    reader.cancel().catch(() => {});
  }
}

const KEY = "YOUR-ACCESS-KEY";
const LONGEST_PICTURE = 20_000;

/** The body for a person to read: pictures of any size become a short placeholder. */
function shown(body) {
  return JSON.parse(JSON.stringify(body), (name, value) =>
    name === "url" && typeof value === "string" && value.length > LONGEST_PICTURE ? `${value.slice(0, value.indexOf(",") + 1)}YOUR-PICTURE-IN-BASE64` : value,
  );
}

/** The request as a curl command for a POSIX shell. */
export function asCurl(body, baseUrl, isKeyRequired) {
  return [
    `curl ${quoted(`${baseUrl}/chat/completions`)}`,
    `  -H ${quoted("Content-Type: application/json")}`,
    ...(isKeyRequired ? [`  -H ${quoted(`Authorization: Bearer ${KEY}`)}`] : []),
    `  -d ${quoted(JSON.stringify(shown(body), null, 2))}`,
  ].join(" \\\n");
}

/** The request with OpenAI's Python library. */
export function asPython(body, baseUrl, isKeyRequired) {
  return `from openai import OpenAI

client = OpenAI(base_url=${JSON.stringify(baseUrl)}, api_key=${JSON.stringify(isKeyRequired ? KEY : "anything")})
answer = client.chat.completions.create(
${Object.entries(shown(body)).map(([name, value]) => `    ${name}=${JSON.stringify(value, null, 4).replaceAll("\n", "\n    ")},`).join("\n")}
)
print(answer.choices[0].message.content)
`;
}
