// Live: who pays and how much is used, what each Claude process does, and the requests that are answered now.

import { html, useEffect, useState } from "/assets/vendor/preact-htm.js";
import { api } from "../common/api.js";
import { FirstSteps } from "../connect/connect.js";
import { useEvents } from "../common/events.js";
import { ExtraUsage } from "../usage/extra-usage.js";
import { href } from "../common/route.js";
import { Card, Code, Confirm, Empty, Meter, Notice, Table, Tag, clock, counted, duration, milliseconds, moment, percent, useNow } from "../common/ui.js";

const LAST = 6;

export function Live({ live }) {
  const { status, requests } = live;
  if (!status) {
    return html`<p class="hint">Connecting...</p>`;
  }
  return html`<div class="stack">
    ${status.demo && html`<${Notice} kind="info">This is a demo: no account is used, and the answers are made up.<//>`}
    ${status.problems.map(
      (problem) => html`<${Notice} key=${problem.title} kind=${problem.is_serious ? "bad" : "warn"} title=${problem.title}>${problem.help}<//>`,
    )}
    <${FirstSteps} live=${live} />
    <div class="grid">
      <${Addresses} status=${status} />
      <${Account} status=${status} />
      <${Processes} pool=${status.pool} />
    </div>
    <${Running} requests=${requests} />
    <${Last} />
  </div>`;
}

function Addresses({ status }) {
  return html`<${Card} title="Base URL" hint="Set this as the base URL of any OpenAI client.">
    <${Code} text=${status.base_url} name="Copy the base URL" />
    <dl class="facts">
      <dt>Access key</dt><dd>${status.key_required ? "required" : "not required on this computer"}</dd>
      ${status.lan_addresses.length > 0 && html`<dt>Other devices</dt><dd>${status.lan_addresses.join(", ")}</dd>`}
      ${status.ollama.addresses.length > 0 && html`<dt>As Ollama</dt><dd>${status.ollama.addresses.join(", ")}</dd>`}
      <dt>Default model</dt><dd>${status.model || "Claude Code's own"}</dd>
    </dl>
  <//>`;
}

function Account({ status }) {
  return html`<${Card} title="Account">
    <p class="lead">${status.account_line}</p>
    ${status.usage.map((window) => html`<${PlanWindow} key=${window.name} window=${window} />`)}
    <${ExtraUsage} extra=${status.extra_usage} />
    ${!status.usage.length && status.account.payer === "plan" && html`<p class="hint">The plan's usage is shown after the first answer.</p>`}
    <dl class="facts"><dt>Claude Code</dt><dd>${status.cli.version ?? "not found yet"}</dd></dl>
  <//>`;
}

function PlanWindow({ window }) {
  const used = window.is_reached ? "limit reached" : `${percent(window.used)}% used`;
  const resets = window.resets_at ? `, resets ${moment(window.resets_at)}` : "";
  const kind = window.is_reached ? "bad" : window.used >= 0.8 ? "warn" : "";
  return html`<${Meter} label=${window.name} value=${window.is_reached ? 1 : window.used} text=${used + resets} kind=${kind} />`;
}

const WORKERS = {
  booting: ["Starting", "info"],
  raw: ["Ready", "good"],
  answering: ["Answering", "busy"],
  parked: ["Ready", "good"],
  closing: ["Ending", ""],
};

function Processes({ pool }) {
  const now = useNow();
  const free = Math.max(0, pool.size - pool.workers.length);
  const ways = Object.entries(pool.ways);
  return html`<${Card} title="Claude processes" wide>
    <ul class="tiles" id="pool">
      ${pool.workers.map((worker) => html`<${Process} key=${worker.number} worker=${worker} now=${now} />`)}
      ${Array.from({ length: free }, (_, at) => html`<li key=${`free-${at}`} class="tile free"><b>Not started</b><span>starts when needed</span></li>`)}
    </ul>
    ${pool.waiting > 0 && html`<p><${Tag} kind="warn">${counted(pool.waiting, "request")} waiting<//></p>`}
    ${ways.length > 0 && html`<p class="hint">Answers by way: ${ways.map(([way, count]) => `${way} ${count}`).join(", ")}. <a href="/manual/workers">What this means</a></p>`}
  <//>`;
}

function Process({ worker, now }) {
  const [word, kind] = WORKERS[worker.state] ?? [worker.state, ""];
  const detail = worker.state === "parked" ? "holds a conversation" : worker.state === "raw" ? "unused" : `for ${duration(now - worker.since)}`;
  return html`<li class="tile ${kind}"><b>${word}</b><span>${detail}</span></li>`;
}

function Running({ requests }) {
  const now = useNow();
  const [trouble, setTrouble] = useState("");
  const stop = (request) => async () => {
    try {
      const { stopped } = await api("DELETE", `/control/requests/${encodeURIComponent(request.id)}`);
      setTrouble(stopped ? "" : "That request had ended already.");
    } catch (error) {
      setTrouble(`It could not be stopped: ${error.message}`);
    }
  };
  const columns = [
    { title: "App", render: (one) => html`<span class="long-name">${one.app || "Unknown"}</span>${one.key && html` <${Tag}>${one.key}<//>`}` },
    { title: "Model", render: (one) => html`<span class="long-name">${one.model}</span>` },
    { title: "Way", minor: true, render: (one) => one.way && html`<${Tag}>${one.way}<//>` },
    { title: "First token", minor: true, number: true, render: (one) => (one.first_ms === null ? "waiting" : milliseconds(one.first_ms)) },
    { title: "Running for", number: true, render: (one) => duration(now - one.began) },
    {
      title: html`<span class="unseen">Stop</span>`,
      number: true,
      render: (one) => html`<${Confirm} small kind="danger" label="Stop" question="Stop it" name=${`Stop the request of ${one.app || "an unknown app"}, running for ${duration(now - one.began)}`} onConfirm=${stop(one)} />`,
    },
  ];
  return html`<${Card} title="Running requests" actions=${requests.length > 0 && html`<${Tag} kind="info">${requests.length}<//>`}>
    ${trouble && html`<${Notice} kind="warn">${trouble}<//>`}
    ${requests.length
      ? html`<${Table} caption="Running requests" columns=${columns} rows=${requests} keyOf=${(one) => one.number} />`
      : html`<${Empty} title="Nothing is being answered now.">Requests appear here as they come, and can be stopped.<//>`}
  <//>`;
}

const OUTCOMES = { answered: ["answered", "good"], failed: ["failed", "bad"], cancelled: ["cancelled", ""] };

/** The requests that ended last, from the journal and then as they end. */
function Last() {
  const [records, setRecords] = useState([]);
  const load = async () => {
    try {
      setRecords((await api("GET", `/control/journal?limit=${LAST}`)).data);
    } catch {
      // The list of requests explains what is wrong with it.
    }
  };
  useEffect(() => void load(), []);
  useEvents((kind, data) => {
    if (kind === "hello" && !data.is_resumed) {
      load();
    } else if (kind === "request" && data.phase === "finished") {
      setRecords((before) => [{ ...data.record, live: data.number }, ...before].slice(0, LAST));
    }
  });
  const columns = [
    { title: "Ended", render: (one) => html`<span title=${moment(one.ended_at)}>${clock(one.ended_at, true)}</span>` },
    { title: "App", render: (one) => html`<span class="long-name">${one.app || "Unknown"}</span>` },
    { title: "Model", minor: true, render: (one) => html`<span class="long-name">${one.model || one.asked}</span>` },
    { title: "Result", render: (one) => html`<${Result} record=${one} />` },
    { title: "First token", minor: true, number: true, render: (one) => milliseconds(one.first_ms) },
    { title: "Total", number: true, render: (one) => milliseconds(one.total_ms) },
  ];
  return html`<${Card} title="Last requests" actions=${html`<a href=${href("requests")}>All requests</a>`}>
    ${records.length
      ? html`<${Table} caption="Last requests" columns=${columns} rows=${records} keyOf=${(one) => `${one.ended_at}-${one.id}`} />`
      : html`<${Empty} title="No request yet.">Point an app at the base URL above.<//>`}
  <//>`;
}

function Result({ record }) {
  const [word, kind] = OUTCOMES[record.outcome] ?? [record.outcome, ""];
  return html`<${Tag} kind=${kind}>${word}<//>${record.trouble && html` <span class="quiet">${record.trouble}</span>`}`;
}
