// Embeddings as anybody writes them: OpenAI's and Ollama's official clients, and the AI SDK. Prints one JSON line.
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { embed, embedMany } from "ai";
import { Ollama } from "ollama";
import OpenAI from "openai";

const baseURL = process.argv[2];
const texts = JSON.parse(process.argv[3]);
const apiKey = "anything";

const client = new OpenAI({ baseURL, apiKey, maxRetries: 0 });
const model = "text-embedding-3-small";
// Without encoding_format the client requests base64 and decodes it.
const packed = await client.embeddings.create({ model, input: texts });
const plain = await client.embeddings.create({ model, input: texts, encoding_format: "float" });
const short = await client.embeddings.create({ model, input: texts[0], dimensions: 64 });
const refused = await client.embeddings.create({ model, input: texts[0], dimensions: 1536 }).catch((error) => error);

const provider = createOpenAI({ baseURL, apiKey });
const many = await embedMany({ model: provider.embedding(model), values: texts });
const openai = { dimensions: 64 };
const one = await embed({ model: provider.embedding(model), value: texts[0], providerOptions: { openai } });
const compatible = createOpenAICompatible({ name: "bridge", baseURL, apiKey });
const other = await embedMany({ model: compatible.textEmbeddingModel("use-multilingual-v3"), values: texts });

const ollama = new Ollama({ host: baseURL.replace(/\/v1$/, "") });
const listed = (await ollama.list()).models.map((row) => row.name);
const shown = await ollama.show({ model: "use-multilingual-v3" });
const embedded = await ollama.embed({ model: "use-multilingual-v3", input: texts });
const old = await ollama.embeddings({ model: "use-multilingual-v3", prompt: texts[0] });
const wrong = await ollama.embed({ model: "x", input: texts[0], dimensions: 1024 }).catch((error) => error);

console.log(
  JSON.stringify({
    vectors: {
      packed: packed.data.map((row) => row.embedding),
      plain: plain.data.map((row) => row.embedding),
      many: many.embeddings,
      other: other.embeddings,
      ollama: embedded.embeddings,
    },
    lengths: [short.data[0].embedding.length, one.embedding.length, old.embedding.length],
    tokens: [packed.usage.total_tokens, many.usage.tokens, embedded.prompt_eval_count],
    errors: [refused.status, refused.message, wrong.status_code, wrong.message],
    listed,
    capabilities: shown.capabilities,
  }),
);
