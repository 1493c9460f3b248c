// Calls the server's /control API with the page's token, and gets that token for a ticket or for the access key.

const KEPT = "drawbridge-token";
let token = document.querySelector('meta[name="drawbridge-token"]')?.content ?? sessionStorage.getItem(KEPT);
let onLocked = () => {};

/** An error of the server, in words. `status` is 0 if the server did not answer. */
export class ApiError extends Error {
  constructor(message, status, code) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** Has `callback` called when the page needs the access key. */
export function whenLocked(callback) {
  onLocked = callback;
}

/** Opens the page with a ticket of the menu, with the access key, or without both where no key is required. */
export async function openSession({ ticket, key } = {}) {
  const headers = ticket ? { "x-drawbridge-ticket": ticket } : key ? { Authorization: `Bearer ${key}` } : {};
  const reply = await send("POST", "/control/open", {}, headers);
  keep((await reply.json()).token);
}

/** Whether the page has a token. The server may still refuse it. */
export const hasToken = () => token !== null;

/** The JSON reply to a request of the /control API, or its text if it is no JSON. Throws `ApiError`. */
export async function api(method, path, body, options) {
  const reply = await authorized(method, path, body, options);
  const isJson = reply.headers.get("content-type")?.startsWith("application/json");
  return reply.status === 204 ? null : isJson ? reply.json() : reply.text();
}

/** The response to a request of the /control API. A refused token is replaced once: the server may have restarted. */
export async function authorized(method, path, body, { headers = {}, signal } = {}) {
  const call = () => send(method, path, body, { ...headers, "x-drawbridge-token": token ?? "" }, signal);
  try {
    return await call();
  } catch (error) {
    if (error.status !== 403) {
      throw error;
    }
  }
  try {
    await openSession();
  } catch (error) {
    if (error.status === 401 || error.status === 403) {
      keep(null);
      onLocked();
    }
    throw error;
  }
  return call();
}

/** Saves the reply to a request of the /control API as a file, under the server's name for it. Throws `ApiError`. */
export async function download(path, otherwise) {
  const reply = await authorized("GET", path);
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await reply.blob());
  link.download = /filename="([^"]+)"/.exec(reply.headers.get("content-disposition") ?? "")?.[1] ?? otherwise;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

function keep(value) {
  token = value;
  if (value === null) {
    sessionStorage.removeItem(KEPT);
  } else {
    sessionStorage.setItem(KEPT, value);
  }
}

async function send(method, path, body, headers, signal) {
  const isSent = body !== undefined && body !== null;
  let reply;
  try {
    reply = await fetch(path, {
      method,
      headers: isSent ? { "Content-Type": "application/json", ...headers } : headers,
      body: isSent ? JSON.stringify(body) : undefined,
      cache: "no-store",
      signal,
    });
  } catch (error) {
    if (error.name === "AbortError") {
      throw error;
    }
    throw new ApiError("Drawbridge does not answer.", 0);
  }
  if (!reply.ok) {
    throw await errorOf(reply);
  }
  return reply;
}

async function errorOf(reply) {
  try {
    const { error } = await reply.json();
    return new ApiError(error.message, reply.status, error.code);
  } catch {
    return new ApiError(`Drawbridge answered with status ${reply.status}.`, reply.status);
  }
}
