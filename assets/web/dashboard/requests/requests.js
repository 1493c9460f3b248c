// Requests: the journal's list with its filters, which the address holds. A row opens the inspector.

import { html, useCallback, useEffect, useRef, useState } from "/assets/vendor/preact-htm.js";
import { api } from "../common/api.js";
import { ContentsSwitch } from "./contents.js";
import { useEvents } from "../common/events.js";
import { Inspector } from "./inspector.js";
import { JournalState } from "./journal-state.js";
import { RequestList } from "./request-list.js";
import { go } from "../common/route.js";
import { Button, Card, Empty, Field, Notice, Select, counted } from "../common/ui.js";

const FILTERS = ["text", "app", "status", "model", "way", "key"];
const OUTCOMES = [
  ["", "Any outcome"],
  ["answered", "Answered"],
  ["failed", "Failed"],
  ["cancelled", "Cancelled"],
  ["400", "400: wrong request"],
  ["401", "401: key or sign-in"],
  ["429", "429: limit reached"],
  ["503", "503: busy or Claude down"],
];
const PAGE = 100;
// The row of a request is written a moment after its answer.
const WRITTEN_MS = 250;
const AGAIN_MS = 1500;

export function Requests({ live, route }) {
  const filters = Object.fromEntries(FILTERS.map((name) => [name, route.query.get(name) ?? ""]));
  const isFiltered = FILTERS.some((name) => filters[name]);
  const list = useJournal(filters);
  const change = (name, value) => go("requests", { path: route.path, query: { ...filters, [name]: value } }, { replace: true });
  const clear = () => go("requests", {}, { replace: true });
  const open = (row) => go("requests", { path: row.number, query: filters });
  const close = useCallback(() => go("requests", { query: filters }, { replace: true }), [JSON.stringify(filters)]);
  return html`<div class="stack">
    <${JournalState} state=${list} />
    <${Card}>
      <${Filters} filters=${filters} choices=${list.choices} onChange=${change} onClear=${isFiltered && clear} />
      ${list.error && html`<${Notice} kind="bad">The list could not be read: ${list.error}<//>`}
      <${NewRows} count=${list.waiting.length} onShow=${list.showWaiting} />
      ${list.rows && html`<${RequestList} rows=${list.rows} onOpen=${open} current=${Number(route.path) || undefined} />`}
      ${list.rows?.length === 0 && (isFiltered ? html`<${Nothing} onClear=${clear} />` : list.days > 0 && html`<${First} />`)}
      ${list.next && html`<p class="older"><${Button} busy=${list.isBusy} onClick=${list.older}>Show older<//></p>`}
    <//>
    <${ContentsSwitch} live=${live} />
    ${route.path && html`<${Inspector} key=${route.path} number=${route.path} live=${live} onClose=${close} />`}
  </div>`;
}

function First() {
  return html`<${Empty} title="No requests yet">
    Everything that an app asks is listed here, without its words. <a href="#connect">Connect an app</a>
  <//>`;
}

function Nothing({ onClear }) {
  return html`<${Empty} title="No request matches"><${Button} small onClick=${onClear}>Show all requests<//><//>`;
}

function NewRows({ count, onShow }) {
  return html`<div class="new-rows" aria-live="polite">
    ${count > 0 && html`<${Button} small kind="primary" onClick=${onShow}>Show ${counted(count, "new request")}<//>`}
  </div>`;
}

function Filters({ filters, choices, onChange, onClear }) {
  const [text, setText] = useState(filters.text);
  const timer = useRef(null);
  // Another address, as by "Clear".
  useEffect(() => setText(filters.text), [filters.text]);
  const type = (value) => {
    setText(value);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => onChange("text", value.trim()), 250);
  };
  const select = (name, label, any) => {
    const known = choices[name] ?? [];
    const all = filters[name] && !known.includes(filters[name]) ? [filters[name], ...known] : known;
    return html`<${Select} label=${label} value=${filters[name]} options=${[["", any], ...all]} onChange=${(value) => onChange(name, value)} />`;
  };
  const outcomes = OUTCOMES.some(([value]) => value === filters.status) ? OUTCOMES : [...OUTCOMES, [filters.status, filters.status]];
  return html`<form class="filters" role="search" aria-label="Filter requests" onSubmit=${(event) => event.preventDefault()}>
    <${Field} label="Search" type="search" value=${text} maxlength="200" onInput=${type} placeholder="Error, app, model, path or request id" />
    ${select("app", "App", "Any app")}
    <${Select} label="Outcome" value=${filters.status} options=${outcomes} onChange=${(value) => onChange("status", value)} />
    ${select("model", "Answered by", "Any model")}
    ${select("way", "Way", "Any way")}
    ${(choices.key?.length > 0 || filters.key) && select("key", "Key", "Any key")}
    ${onClear && html`<${Button} kind="quiet" onClick=${onClear}>Clear filters<//>`}
  </form>`;
}

/** The rows of the journal for `filters`, newest first, and what is new since they were shown. */
function useJournal(filters) {
  const wanted = new URLSearchParams(Object.entries(filters).filter(([, value]) => value)).toString();
  const [state, setState] = useState({ rows: null, waiting: [], next: null, choices: {}, days: 1, trouble: null, error: "", isBusy: false });
  const current = useRef(null);
  const shown = useRef(state);
  shown.current = state;
  const ask = useCallback(
    async (query, take) => {
      const call = { wanted };
      current.current = call;
      try {
        const page = await api("GET", `/control/journal?${wanted}${wanted && "&"}limit=${PAGE}${query}`);
        // A later filter wins, however late this reply comes.
        if (current.current?.wanted === wanted) {
          const { days, trouble, choices } = page;
          setState((before) => ({ ...before, choices, days, trouble, error: "", isBusy: false, ...take(before, page) }));
        }
      } catch (error) {
        if (current.current?.wanted === wanted) {
          setState((before) => ({ ...before, error: error.message, isBusy: false }));
        }
      }
    },
    [wanted],
  );
  useEffect(() => {
    ask("", (_, page) => ({ rows: page.data, next: page.next, waiting: [] }));
  }, [ask]);
  const refresh = useCallback(async () => {
    const known = newestOf(shown.current);
    let isOther = false;
    await ask(known ? `&after=${known}` : "", (before, page) => {
      isOther = page.newest < known;
      return merged(before, page);
    });
    if (isOther) {
      await ask("", (_, page) => ({ rows: page.data, next: page.next, waiting: [] }));
    }
  }, [ask]);
  useFinished(refresh, shown);
  const older = () => {
    setState((before) => ({ ...before, isBusy: true }));
    ask(`&before=${state.next}`, (before, page) => ({ rows: unique([...before.rows, ...page.data]), next: page.next }));
  };
  const showWaiting = () => {
    setState((before) => ({ ...before, rows: unique([...before.waiting, ...before.rows]), waiting: [] }));
    scrollTo({ top: 0 });
  };
  return { ...state, older, showWaiting };
}

/** Calls `refresh` when a request has been written, once for many of them, and when events may have been lost. */
function useFinished(refresh, shown) {
  const timer = useRef(null);
  const later = (record, ms) => {
    timer.current = setTimeout(async () => {
      timer.current = null;
      await refresh();
      const { rows, waiting } = shown.current;
      const isThere = [...waiting, ...(rows ?? [])].some((row) => row.id === record?.id);
      if (ms === WRITTEN_MS && record && !isThere && !timer.current) {
        later(record, AGAIN_MS);
      }
    }, ms);
  };
  useEvents((kind, data) => {
    const isNew = (kind === "request" && data.phase === "finished") || (kind === "hello" && !data.is_resumed);
    if (isNew && !timer.current) {
      later(data.record, WRITTEN_MS);
    }
  });
  useEffect(
    () => () => {
      clearTimeout(timer.current);
      timer.current = null;
    },
    [refresh],
  );
}

/** The page of new requests put before the rows: at once at the top of the page, else when it is asked for. */
function merged(before, page) {
  const known = newestOf(before);
  const fresh = page.data.filter((row) => row.number > known);
  if (!before.rows || (page.next !== null && fresh.length === page.data.length)) {
    // More than a page has come: what lies between is not known.
    return { rows: page.data, next: page.next, waiting: [] };
  }
  const isAtTop = scrollY < 200;
  const above = unique([...fresh, ...before.waiting]);
  return isAtTop ? { rows: unique([...above, ...before.rows]), waiting: [] } : { waiting: above };
}

const newestOf = ({ waiting, rows }) => (waiting[0] ?? rows?.[0])?.number ?? 0;

function unique(rows) {
  const seen = new Set();
  return rows.filter((row) => !seen.has(row.number) && seen.add(row.number));
}
