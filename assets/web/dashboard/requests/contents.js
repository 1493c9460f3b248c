// The contents of requests: the switch that keeps them, the line that says so, and those of one request.

import { html, useCallback, useEffect, useState } from "/assets/vendor/preact-htm.js";
import { api, download } from "../common/api.js";
import { useEvents } from "../common/events.js";
import { Button, Card, Confirm, Copy, Notice, Tag, Toggle, counted, moment } from "../common/ui.js";

const DAYS = 7;
const MINUTES = 15;
const PARTS = { text: "Text", thinking: "Thinking", "hidden thinking": "Thinking that only Claude can read", "tool call": "Tool call" };
const STOPS = { end: "", length: "The answer reached its length limit.", "stop sequence": "A stop sequence ended the answer.", refusal: "Claude declined to answer.", "tool calls": "" };

const until = (contents) => (contents.until ? ` until ${moment(contents.until)}` : "");
const keep = (minutes) => api("POST", "/control/contents", { on: true, minutes });
const stop = () => api("POST", "/control/contents", { on: false });

/** What `work` does, with its error in words. */
function useWork() {
  const [isBusy, setBusy] = useState(false);
  const [error, setError] = useState("");
  const run = async (work) => {
    setBusy(true);
    try {
      await work();
      setError("");
    } catch (failure) {
      setError(failure.message);
    } finally {
      setBusy(false);
    }
  };
  return { isBusy, error, run };
}

/** The line on every section while contents are kept. */
export function ContentsBanner({ live }) {
  const { isBusy, error, run } = useWork();
  const contents = live.status?.contents;
  return html`<div class="contents-banner" role="status">
    ${contents?.is_on &&
    html`<p>
      <b>Contents of requests are kept${until(contents)}</b>
      <span>${contents.days ? `In memory, and on the disk for ${contents.days} days.` : "In memory only."} ${error}</span>
      <${Button} small busy=${isBusy} onClick=${() => run(stop)}>Stop keeping<//>
    </p>`}
  </div>`;
}

/** The switch, for the section that lists the requests. */
export function ContentsSwitch({ live }) {
  const { isBusy, error, run } = useWork();
  const contents = live.status?.contents;
  if (!contents) {
    return null;
  }
  const toDisk = (isWanted) => run(() => api("PATCH", "/control/settings", { contents_days: isWanted ? contents.days || DAYS : 0 }));
  const words = contents.is_on
    ? `What apps send and Claude answers is kept${until(contents)}. Open a request to read it.`
    : "What apps send and Claude answers is not kept. Keep it for a while to look into a request.";
  return html`<${Card} title="Contents of requests" hint=${words}>
    <div class="row">
      <${Button} kind=${contents.is_on ? "" : "primary"} busy=${isBusy} onClick=${() => run(() => keep(MINUTES))}>Keep for ${MINUTES} minutes<//>
      <${Button} busy=${isBusy} onClick=${() => run(() => keep(null))}>Keep until I stop<//>
      ${contents.has_kept && html`<${Confirm} label="Forget what was kept" question="Forget all" onConfirm=${() => run(() => api("DELETE", "/control/contents"))} />`}
    </div>
    <div class="contents-disk">
      <${Toggle} label="On the disk too, for ${contents.days || DAYS} days" checked=${contents.days > 0} onChange=${toDisk}
        hint="Otherwise in memory only: the last 50 requests, until they are forgotten or Drawbridge ends." />
    </div>
    ${contents.has_kept && html`<${KeptList} />`}
    ${contents.trouble && html`<${Notice} kind="warn" title="The disk does not take them.">${contents.trouble}<//>`}
    ${error && html`<${Notice} kind="bad">${error}<//>`}
  <//>`;
}

/** All kept requests, also those that the list of requests does not have, as counts of tokens. */
function KeptList() {
  const [rows, setRows] = useState(null);
  const [open, setOpen] = useState(null);
  const [isShown, setShown] = useState(false);
  const load = () =>
    api("GET", "/control/contents").then(
      ({ data }) => setRows(data),
      () => setRows([]),
    );
  useEvents((kind, data) => isShown && kind === "request" && data.phase === "finished" && setTimeout(load, 500));
  const toggle = (event) => {
    setShown(event.target.open);
    if (event.target.open) {
      load();
    }
  };
  return html`<details class="kept-list" onToggle=${toggle}>
    <summary>Everything that is kept</summary>
    ${rows?.length === 0 && html`<p class="hint">Nothing is kept.</p>`}
    <ul>${(rows ?? []).map(
      (row) => html`<li key=${row.id}>
        <button type="button" class="row-button" aria-expanded=${open === row.id} onClick=${() => setOpen(open === row.id ? null : row.id)}>
          ${moment(row.at)} ${row.app} <span class="quiet">${row.path}</span>
        </button>
        ${row.status && html`<${Tag} kind=${row.status < 400 ? "good" : "bad"}>${row.status}<//>`}
        ${open === row.id && html`<${Contents} id=${row.id} />`}
      </li>`,
    )}</ul>
  </details>`;
}

/**
 * What one request contained. `id` is the request's id, `number` its place in the journal, which an export needs.
 * `otherwise` is shown if nothing of it is kept.
 */
export function Contents({ id, number: place, otherwise }) {
  const [found, setFound] = useState(null);
  const { error, run } = useWork();
  const load = useCallback(
    () =>
      api("GET", `/control/contents/${encodeURIComponent(id)}`).then(setFound, (failure) => setFound({ state: "failed", reason: failure.message })),
    [id],
  );
  useEffect(() => {
    load();
  }, [load]);
  // It is rendered a moment after the answer.
  useEffect(() => {
    const timer = found?.state === "running" || (found?.state === "not kept" && found.on && !found.again) ? setTimeout(() => load().then(() => setFound((now) => ({ ...now, again: true }))), 700) : null;
    return () => clearTimeout(timer);
  }, [found, load]);
  useEvents((kind, data) => kind === "request" && data.phase === "finished" && data.record?.id === id && load());
  const query = place === undefined ? "" : `?number=${encodeURIComponent(place)}`;
  const save = () => run(() => download(`/control/contents/${encodeURIComponent(id)}/export${query}`, "drawbridge-request.json"));
  const forget = () => run(() => api("DELETE", `/control/contents/${encodeURIComponent(id)}`).then(load));
  return html`<section class="contents">
    <div class="contents-head"><h3>What it contained</h3>
      <div class="row">
        ${found?.state === "kept" && html`<${Copy} small text=${found.curl} label="Copy as curl" name="Copy as curl, this request" />`}
        <${Button} small onClick=${save} aria-label="Export this request as a file">Export<//>
        ${found?.state === "kept" && html`<${Confirm} small label="Forget" name="Forget the contents of this request" question="Forget it" onConfirm=${forget} />`}
      </div>
    </div>
    ${error && html`<${Notice} kind="bad">${error}<//>`}
    ${found && (found.state === "kept" ? html`<${Kept} kept=${found} />` : html`<p class="hint">${found.reason}</p>`)}
  </section>
  ${found && found.state !== "kept" && otherwise}`;
}

function Kept({ kept }) {
  const { request, answer } = kept;
  return html`<h4>Sent${" "}<span class="quiet">${counted(request.size, "byte")}</span></h4>
    ${request.text ? html`<${Body} text=${request.text} label="The body of the request" />` : html`<p class="hint">${request.size ? "It was too large to keep with the others." : "The request had no body."}</p>`}
    ${request.text && request.is_cut && html`<p class="hint">Only the beginning is kept.</p>`}
    <h4>Answered</h4>
    ${answer.parts.map((part, at) => html`<${Part} key=${at} part=${part} />`)}
    ${answer.reply.text && html`<${Body} text=${answer.reply.text} label="The body of the answer" />`}
    ${(answer.is_cut || answer.reply.is_cut) && html`<p class="hint">Only the beginning is kept.</p>`}
    ${answer.failure && html`<${Notice} kind="bad" title="The answer was cut.">${answer.failure}<//>`}
    ${STOPS[answer.stop] && html`<p class="hint">${STOPS[answer.stop]}</p>`}
    ${!answer.came && html`<p class="hint">Nothing came.</p>`}
    ${answer.parts.length > 0 && !answer.stop && !answer.failure && html`<p class="hint">The answer ended here: its client left, or it was stopped.</p>`}`;
}

function Part({ part }) {
  const head = html`<${Tag} kind=${part.kind === "tool call" ? "info" : ""}>${PARTS[part.kind]}${part.choice ? `, answer ${part.choice + 1}` : ""}<//> ${part.name && html`<code>${part.name}</code>`}`;
  if (part.kind === "thinking") {
    return html`<details class="part"><summary>${head}</summary><${Body} text=${part.text} label="Claude's thinking" /></details>`;
  }
  return html`<div class="part"><p>${head}</p>${part.text && html`<${Body} text=${part.text} label=${PARTS[part.kind]} />`}</div>`;
}

function Body({ text, label }) {
  return html`<div class="body"><pre tabindex="0" role="region" aria-label=${label}>${text}</pre><${Copy} small text=${text} name="Copy: ${label}" /></div>`;
}
