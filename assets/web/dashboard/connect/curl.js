// Writes a request like one of the journal as a command for curl. Its words are placeholders.

const HELLO = "Say hello.";
const CHAT = (model) => ({ model, messages: [{ role: "user", content: HELLO }] });
const BODIES = {
  chat_completions: CHAT,
  responses: (model) => ({ model, input: HELLO }),
  completions: (model) => ({ model, prompt: HELLO }),
  messages: (model) => ({ model, max_tokens: 1024, messages: [{ role: "user", content: HELLO }] }),
  ollama: CHAT,
  ollama_generate: (model) => ({ model, prompt: HELLO }),
  embeddings: (model) => ({ model, input: HELLO }),
};

/** The command, or null for a request that has no such body. */
export function curl(row, { origin, keyRequired }) {
  const body = BODIES[row.dialect]?.(row.asked || row.model || "sonnet");
  if (!body) {
    return null;
  }
  return [
    `curl ${quoted(origin + encodeURI(row.path))}`,
    `-H 'Content-Type: application/json'`,
    ...(keyRequired ? [`-H "Authorization: Bearer $DRAWBRIDGE_API_KEY"`] : []),
    `-d ${quoted(JSON.stringify(body))}`,
  ].join(" \\\n  ");
}

/** A word of a POSIX shell: nothing in it is expanded, and it ends where it ends here. */
export const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;
