// Requests as a table, or as a list of cards where there is little room.

import { html, useEffect, useState } from "/assets/vendor/preact-htm.js";
import { Tag, clock, dollars, milliseconds, moment, tokens } from "../common/ui.js";

const NARROW = "(max-width: 46rem)";
const NOT_BILLED = { plan: "plan", demo: "demo" };
const MIDNIGHT = () => new Date().setHours(0, 0, 0, 0) / 1000;

const COLUMNS = [
  ["Time"],
  ["App"],
  ["Result"],
  ["Model"],
  ["Way", "minor less"],
  ["In", "number"],
  ["Cached", "number minor"],
  ["Out", "number"],
  ["Cost", "number minor less"],
  ["First token", "number minor"],
  ["Total", "number"],
];

/** `onOpen` gets the row that is clicked, or opened by the keyboard; the arrow keys go from row to row. */
export function RequestList({ rows, onOpen, current }) {
  const isNarrow = useMedia(NARROW);
  if (rows.length === 0) {
    return null;
  }
  return isNarrow ? html`<${Cards} ...${{ rows, onOpen, current }} />` : html`<${Rows} ...${{ rows, onOpen, current }} />`;
}

/** Whether a request has an answer, in a word, and why not. */
export function Result({ row }) {
  if (row.outcome === "failed") {
    return html`<${Tag} kind="bad">${row.status ?? "Failed"}<//> <span class="why">${row.trouble || "Failed"}</span>`;
  }
  return row.outcome === "cancelled" ? html`<${Tag} kind="warn">Cancelled<//>` : html`<${Tag} kind="good">Answered<//>`;
}

/** What a request cost; a plan or the demo is named instead, because it costs nothing more. */
export const cost = (row) => NOT_BILLED[row.payer] ?? dollars(row.cost_usd);

/** The asked model, and the one that answered if it has another name. */
export function Models({ row }) {
  if (!row.model || row.model === row.asked) {
    return html`<span class="name">${row.asked || "none named"}</span>`;
  }
  return html`${row.asked && html`<span class="name quiet">${row.asked}<span aria-label="answered by"> → </span></span>`}<span class="name">${row.model}</span>`;
}

const when = (row) => (row.ended_at >= MIDNIGHT() ? clock(row.ended_at, true) : moment(row.ended_at));
/** The app by the name of its own key, else as it names itself. */
export const appOf = (row) => row.key || row.app;

const nameOf = (row) => `Request of ${appOf(row)} at ${when(row)}`;
const spent = (row) => row.outcome === "answered" || row.usage.output > 0;
const prompt = ({ usage }) => usage.input + usage.cache_creation + usage.cache_read;

function Rows({ rows, onOpen, current }) {
  return html`<div class="scroller requests" role="region" aria-label="Requests" tabindex="0"><table>
    <caption class="unseen">Requests, the newest first</caption>
    <thead><tr>${COLUMNS.map(([title, kind]) => html`<th scope="col" class=${kind}>${title}</th>`)}</tr></thead>
    <tbody onKeyDown=${walk}>${rows.map((row) => html`<tr key=${row.number} aria-current=${row.number === current ? "true" : undefined} onClick=${() => onOpen(row)}>
      <td><button type="button" class="row-button" aria-label=${nameOf(row)} onClick=${stopped(() => onOpen(row))}>${when(row)}</button></td>
      <td class="app">${appOf(row)}</td>
      <td class="result"><${Result} row=${row} /></td>
      <td class="models"><${Models} row=${row} /></td>
      <td class="minor less">${row.way}</td>
      <td class="number">${spent(row) && tokens(prompt(row))}</td>
      <td class="number minor">${spent(row) && tokens(row.usage.cache_read)}</td>
      <td class="number">${spent(row) && tokens(row.usage.output)}</td>
      <td class="number minor less quiet">${spent(row) && cost(row)}</td>
      <td class="number minor">${milliseconds(row.first_ms)}</td>
      <td class="number">${milliseconds(row.total_ms)}</td>
    </tr>`)}</tbody>
  </table></div>`;
}

function Cards({ rows, onOpen, current }) {
  return html`<ul class="request-cards" aria-label="Requests, the newest first" onKeyDown=${walk}>
    ${rows.map((row) => html`<li key=${row.number} aria-current=${row.number === current ? "true" : undefined} onClick=${() => onOpen(row)}>
      <div class="request-head"><button type="button" class="row-button" aria-label=${nameOf(row)} onClick=${stopped(() => onOpen(row))}>${when(row)}</button>
        <b class="app">${appOf(row)}</b><span class="quiet">${milliseconds(row.total_ms)}</span></div>
      <p class="models"><${Models} row=${row} /></p>
      <p class="result"><${Result} row=${row} />
        ${spent(row) && html`<span class="quiet">${tokens(prompt(row))} in, ${tokens(row.usage.output)} out</span>`}</p>
    </li>`)}
  </ul>`;
}

const stopped = (call) => (event) => {
  event.stopPropagation();
  call();
};

function walk(event) {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  const buttons = [...event.currentTarget.querySelectorAll(".row-button")];
  const next = buttons[buttons.indexOf(document.activeElement) + step];
  if (step && next && buttons.includes(document.activeElement)) {
    event.preventDefault();
    next.focus();
  }
}

function useMedia(query) {
  const [isMet, setMet] = useState(() => matchMedia(query).matches);
  useEffect(() => {
    const media = matchMedia(query);
    const follow = () => setMet(media.matches);
    media.addEventListener("change", follow);
    return () => media.removeEventListener("change", follow);
  }, [query]);
  return isMet;
}
