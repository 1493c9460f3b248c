// The server's live events: one stream for the page, which the sections share.

import { useEffect, useRef, useState } from "/assets/vendor/preact-htm.js";
import { authorized } from "./api.js";

const RETRY_MS = [500, 1000, 2000, 4000, 8000];

const listeners = new Set();
let live = { status: null, connection: "opening", requests: [], trouble: "" };
let lastId = "";
let failures = 0;
let timer = null;
let stream = null;
let version = null;

/** What is known of the server: {status, connection, requests, trouble}.
 *
 * `connection`: "opening", "open" or "lost"; `requests`: the running ones, the oldest first.
 */
export function useLive() {
  const [shown, show] = useState(live);
  useEffect(() => {
    const follow = (kind) => kind === "live" && show(live);
    listeners.add(follow);
    open();
    show(live);
    return () => listeners.delete(follow);
  }, []);
  return shown;
}

/**
 * Calls `handler(kind, data)` for each event while the component is shown. The kinds are "request" ({phase, request},
 * or {phase: "finished", number, record}), "approval" ({phase, id, outcome}), "log", "usage", "status", and "hello" when
 * the stream begins or has lost events: then {is_resumed: false} says that what the page knows may have gaps.
 */
export function useEvents(handler) {
  const latest = useRef(handler);
  latest.current = handler;
  useEffect(() => {
    const call = (kind, data) => kind !== "live" && latest.current(kind, data);
    listeners.add(call);
    return () => listeners.delete(call);
  }, []);
}

function emit(kind, data) {
  for (const listener of [...listeners]) {
    listener(kind, data);
  }
}

function change(what) {
  live = { ...live, ...what };
  emit("live");
}

// No stream while the page is hidden.
document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
addEventListener("pagehide", close);
addEventListener("pageshow", () => listeners.size && open());

function open() {
  clearTimeout(timer);
  if (!stream && !document.hidden) {
    stream = new AbortController();
    read(stream);
  }
}

function close() {
  clearTimeout(timer);
  stream?.abort();
  stream = null;
}

async function read(own) {
  let trouble = "";
  try {
    const headers = lastId ? { "Last-Event-ID": lastId } : {};
    const reply = await authorized("GET", "/control/events", undefined, { headers, signal: own.signal });
    await parse(reply.body.getReader());
  } catch (error) {
    trouble = error.status ? error.message : "";
    if (error.status === 401) {
      // The page asks for the key; a new one opens the stream again.
      stream = null;
      return;
    }
  }
  if (own === stream) {
    stream = null;
    change({ connection: "lost", requests: [], trouble });
    timer = setTimeout(open, RETRY_MS[Math.min(failures, RETRY_MS.length - 1)]);
    failures += 1;
  }
}

async function parse(reader) {
  const decoder = new TextDecoder();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) {
      return;
    }
    const frames = (text + decoder.decode(value, { stream: true })).split("\n\n");
    text = frames.pop();
    frames.forEach(take);
  }
}

function take(frame) {
  const fields = Object.fromEntries(
    frame.split("\n").map((line) => {
      const at = line.indexOf(": ");
      return [line.slice(0, at), line.slice(at + 2)];
    }),
  );
  if (!fields.event) {
    return;
  }
  lastId = fields.id ?? lastId;
  const data = JSON.parse(fields.data);
  HANDLERS[fields.event]?.(data);
  emit(fields.event, data);
}

const HANDLERS = {
  hello(data) {
    failures = 0;
    change({ connection: "open", requests: data.state.requests, trouble: "" });
  },
  status(data) {
    // Another version of the server has other modules than this page.
    if (version !== null && version !== data.version) {
      location.reload();
    }
    version = data.version;
    change({ status: data });
  },
  request({ phase, request, number }) {
    const others = live.requests.filter((one) => one.number !== (request?.number ?? number));
    const requests = phase === "finished" ? others : [...others, request];
    change({ requests: requests.sort((one, other) => one.number - other.number) });
  },
};
