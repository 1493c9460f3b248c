// The inspector: all that is kept of one request, in a panel beside the list.

import { html, useEffect, useRef, useState } from "/assets/vendor/preact-htm.js";
import { api } from "../common/api.js";
import { Contents } from "./contents.js";
import { curl } from "../connect/curl.js";
import { Models, Result, appOf } from "./request-list.js";
import { Code, Copy, Notice, dollars, milliseconds, moment, number, percent } from "../common/ui.js";
import { Waterfall } from "./waterfall.js";

const WAYS = {
  continued: "a process that held this conversation",
  reset: "an idle process, after a reset",
  spare: "a process that had just started",
  cold: "a process that was started for it",
  process: "a process of its own",
  agent: "a new conversation with an agent",
  "agent held": "the agent's process, which had waited",
  "agent resumed": "an agent that read the conversation from the disk",
  "agent replayed": "an agent that got the visible conversation",
  local: "Drawbridge itself",
  endpoint: "another endpoint",
};
const PAYERS = { plan: "your plan", "api key": "an API key", bedrock: "Amazon Bedrock", vertex: "Google Vertex AI", foundry: "Microsoft Foundry" };
const seconds = (unix) => String(new Date(unix * 1000).getSeconds()).padStart(2, "0");
const LISTENERS = { local: "this computer", lan: "the network", ollama: "Ollama's port", tunnel: "the internet, through the tunnel" };

/** `number` is the one in the address. Escape and the button call `onClose`. */
export function Inspector({ number: which, live, onClose }) {
  const [found, setFound] = useState({});
  const panel = useRef(null);
  useEffect(() => {
    const [before, opened] = [document.activeElement, panel.current];
    opened.showModal();
    return () => {
      // Only then can what lies outside of it have the focus.
      opened.close();
      (before?.isConnected ? before : null)?.focus();
    };
  }, []);
  useEffect(() => {
    api("GET", `/control/journal/${/^\d+$/.test(which) ? which : 0}`).then(
      (row) => setFound({ row }),
      (error) => setFound({ error: error.message }),
    );
  }, [which]);
  const outside = (event) => event.target === panel.current && onClose();
  const cancel = (event) => {
    event.preventDefault();
    onClose();
  };
  return html`<dialog class="inspector" ref=${panel} aria-labelledby="inspected" onCancel=${cancel} onClick=${outside}>
    <div class="inspector-body">
      <div class="card-head"><h2 id="inspected">Request</h2><button type="button" class="button quiet" onClick=${onClose}>Close</button></div>
      ${found.error && html`<${Notice} kind="bad">${found.error}<//>`}
      ${found.row && html`<${Details} row=${found.row} live=${live} />`}
    </div>
  </dialog>`;
}

function Details({ row, live }) {
  return html`<p class="inspected"><b>${appOf(row)}</b> <${Result} row=${row} /></p>
    ${row.outcome === "failed" && html`<${Failure} row=${row} />`}
    <section><h3>Where the time went</h3><${Waterfall} phases=${row.phases} row=${row} /></section>
    <section><h3>Details</h3><${Facts} row=${row} /></section>
    <${Contents} id=${row.id} number=${row.number} otherwise=${html`<${Again} row=${row} live=${live} />`} />`;
}

function Failure({ row }) {
  const { text, page } = row.advice;
  return html`<${Notice} kind="bad" title="${row.trouble || "The request failed"}.">
    ${row.param && html`<p>Field: <code>${row.param}</code></p>`}
    ${text && html`<p>${text}</p>`}
    ${page && html`<p><a href=${page}>More in the manual</a></p>`}
  <//>`;
}

function Facts({ row }) {
  const { usage } = row;
  const prompt = usage.input + usage.cache_creation + usage.cache_read;
  const isCovered = row.payer === "plan" || row.payer === "demo";
  const facts = [
    ["Ended", `${moment(row.ended_at)}:${seconds(row.ended_at)}, after ${milliseconds(row.total_ms)}`],
    ["Request id", html`<${Code} text=${row.id} name="Copy the request id" />`],
    ["Arrived at", html`<code>${row.path}</code> from ${LISTENERS[row.door] ?? row.door}`],
    ["Key", row.key],
    ["Sent by", row.key && row.app],
    ["Model", html`<${Models} row=${row} />`],
    ["Way", row.way && `${row.way}${WAYS[row.way] ? `: ${WAYS[row.way]}` : ""}`],
    ["Tokens in", prompt > 0 && `${number(prompt)}, ${percent(usage.cache_read / prompt)} % from the cache`],
    ["Tokens out", usage.output > 0 && `${number(usage.output)}${usage.thinking ? `, ${number(usage.thinking)} of them thinking` : ""}`],
    ["Cost", !isCovered && row.cost_usd !== null && `${dollars(row.cost_usd)}, billed to ${PAYERS[row.payer] ?? row.payer}`],
    ["Would have cost", isCovered && row.cost_usd !== null && `${dollars(row.cost_usd)} with an API key; ${row.payer === "demo" ? "the demo costs nothing" : "your plan covers it"}`],
    ["Fields without effect", row.ignored && html`<span class="names">${row.ignored.split(", ").map((name) => html`<code>${name}</code> `)}</span>`],
  ];
  return html`<dl>${facts.filter(([, value]) => value).map(([title, value]) => html`<dt>${title}</dt><dd>${value}</dd>`)}</dl>`;
}

function Again({ row, live }) {
  const text = curl(row, { origin: location.origin, keyRequired: live.status?.key_required });
  return text
    ? html`<section><h3>Send a request like it</h3>
        <p class="hint">The same address and model. The text is a placeholder, because the words of a request are not kept.</p>
        <${Copy} text=${text} label="Copy as curl" /></section>`
    : null;
}
