// Usage: sums of the journal for a time, by app, model and key, and how much of the plan was used.

import { html, useCallback, useEffect, useRef, useState } from "/assets/vendor/preact-htm.js";
import { api, download } from "../common/api.js";
import { useEvents } from "../common/events.js";
import { JournalState } from "../requests/journal-state.js";
import { PlanChart } from "./plan-chart.js";
import { go } from "../common/route.js";
import { Bars, Button, Card, Confirm, Empty, Notice, Table, counted, dollars, number, percent, tokens } from "../common/ui.js";

const TIMES = [
  [1, "Today"],
  [7, "7 days"],
  [30, "30 days"],
];
// Requests come in bursts; the sums need not follow each of them.
const RENEW_MS = 2000;

export function Usage({ route }) {
  const days = TIMES.some(([known]) => String(known) === route.query.get("days")) ? Number(route.query.get("days")) : 7;
  const [found, renew] = useUsage(days);
  const [trouble, setTrouble] = useState("");
  const clear = async () => {
    try {
      await api("DELETE", "/control/journal");
      setTrouble("");
    } catch (error) {
      setTrouble(error.message);
    }
    await renew();
  };
  return html`<div class="stack">
    <div class="usage-bar">
      <div class="switch" role="group" aria-label="Time">${TIMES.map(
        ([value, title]) => html`<button type="button" class="button" aria-pressed=${value === days ? "true" : "false"} onClick=${() => go("usage", { query: { days: value } }, { replace: true })}>${title}</button>`,
      )}</div>
      <div class="row">
        <${Export} days=${days} onTrouble=${setTrouble} />
        <${Confirm} label="Clear..." name="Clear the list of requests and all totals" question="Delete all requests and totals" onConfirm=${clear} />
      </div>
    </div>
    ${found && html`<${JournalState} state=${found.apps} />`}
    ${(trouble || found?.error) && html`<${Notice} kind="bad">${trouble || found.error}<//>`}
    ${found?.apps && html`<${Sums} found=${found} />`}
  </div>`;
}

function Sums({ found }) {
  // Not the time that is wanted: its sums may still be on their way.
  const { days } = found;
  const { total } = found.apps;
  if (total.requests === 0) {
    return html`<${Card}><${Empty} title="No requests in this time">
      ${found.apps.days > 0 && html`Totals appear with the first answer. <a href="#connect">Connect an app</a>`}
    <//><//><${PlanChart} windows=${found.windows} days=${days} />`;
  }
  const label = (name) => (days === 1 ? `${name.slice(11)}:00` : shortDay(name));
  const bars = (parts) => found.time.data.map((row) => ({ label: label(row.name), parts: parts(row) }));
  const per = days === 1 ? "hour" : "day";
  return html`<${Totals} total=${total} />
    <div class="grid">
      <${Card}><${Bars} caption="Requests by ${per}" series=${["without an error", "failed"]} format=${number}
        rows=${bars((row) => [row.requests - row.failed, row.failed])} /><//>
      <${Card}><${Bars} caption="Tokens by ${per}" series=${["in", "cached", "out"]} format=${tokens}
        rows=${bars((row) => [row.prompt - row.usage.cache_read, row.usage.cache_read, row.usage.output])} /><//>
    </div>
    <${Sum} title="By app" name="App" found=${found.apps} />
    <${Sum} title="By model" name="Model" found=${found.models} empty="No answer" />
    ${found.keys.data.some((row) => row.name) && html`<${Sum} title="By key" name="Key" found=${found.keys} empty="Without a key of its own" />`}
    <${PlanChart} windows=${found.windows} days=${days} />`;
}

function Totals({ total }) {
  const { usage } = total;
  const tiles = [
    ["Requests", number(total.requests), total.failed ? `${number(total.failed)} failed` : "none failed"],
    ["Tokens in", tokens(total.prompt), total.cache_share === null ? "" : `${percent(total.cache_share)} % from the cache`],
    ["Tokens out", tokens(usage.output), usage.thinking ? `${tokens(usage.thinking)} of them thinking` : ""],
    ...(total.billed_usd > 0 || total.would_be_usd === 0 ? [["Cost", dollars(total.billed_usd), "billed by the token"]] : []),
    ...(total.would_be_usd > 0 ? [["Would have cost", dollars(total.would_be_usd), "not billed"]] : []),
  ];
  return html`<dl class="tiles">${tiles.map(([title, value, hint]) => html`<div><dt>${title}</dt><dd>${value}<small>${hint}</small></dd></div>`)}</dl>
    ${total.would_be_usd > 0 && html`<p class="hint">"Would have cost" is what an API key would have been billed for requests that a plan or the demo answered. You do not pay it, and it is never part of "Cost".</p>`}`;
}

function Sum({ title, name, found, empty = "unknown" }) {
  const sum = (row) => row.name || empty;
  const has = (field) => found.data.some((row) => row[field] > 0);
  const columns = [
    { id: "name", title: name, render: (row) => html`<span class="long-name">${sum(row)}</span>` },
    { id: "requests", title: "Requests", number: true, render: (row) => number(row.requests) },
    { id: "failed", title: "Failed", number: true, render: (row) => (row.failed ? html`<span class="bad">${number(row.failed)}</span>` : "0") },
    { id: "in", title: "Tokens in", number: true, render: (row) => tokens(row.prompt) },
    { id: "cached", title: "Cached", number: true, minor: true, render: (row) => (row.cache_share === null ? "" : `${percent(row.cache_share)} %`) },
    { id: "out", title: "Tokens out", number: true, render: (row) => tokens(row.usage.output) },
    ...(has("billed_usd") ? [{ id: "cost", title: "Cost", number: true, render: (row) => dollars(row.billed_usd) }] : []),
    ...(has("would_be_usd") ? [{ id: "would", title: "Would have cost", number: true, minor: true, render: (row) => html`<span class="quiet">${dollars(row.would_be_usd)}</span>` }] : []),
  ];
  return html`<${Card} title=${title}><${Table} caption=${`Sums ${title.toLowerCase()}`} columns=${columns} rows=${found.data} keyOf=${sum} />
    ${found.more > 0 && html`<p class="hint">And ${counted(found.more, "more", "more")} with fewer requests: the CSV has all.</p>`}<//>`;
}

function Export({ days, onTrouble }) {
  const save = async () => {
    try {
      await download(`/control/usage.csv?days=${days}`, "drawbridge-usage.csv");
      onTrouble("");
    } catch (error) {
      onTrouble(error.message);
    }
  };
  return html`<${Button} onClick=${save}>Export CSV<//>`;
}

/** The sums of the last `days` days, and a function that reads them again. */
function useUsage(days) {
  const [found, setFound] = useState(null);
  const wanted = useRef(days);
  wanted.current = days;
  const renew = useCallback(async () => {
    const paths = [`usage?by=app`, `usage?by=model`, `usage?by=key`, `usage?by=${days === 1 ? "hour" : "day"}`, `usage/windows?`];
    try {
      const [apps, models, keys, time, windows] = await Promise.all(paths.map((path) => api("GET", `/control/${path}&days=${days}`)));
      if (wanted.current === days) {
        setFound({ days, apps, models, keys, time, windows });
      }
    } catch (error) {
      setFound((before) => ({ ...before, error: error.message }));
    }
  }, [days]);
  useEffect(() => {
    renew();
  }, [renew]);
  const timer = useRef(null);
  useEvents((kind, data) => {
    const isNew = (kind === "request" && data.phase === "finished") || (kind === "hello" && !data.is_resumed);
    if (isNew && !timer.current) {
      timer.current = setTimeout(() => {
        timer.current = null;
        renew();
      }, RENEW_MS);
    }
  });
  useEffect(
    () => () => {
      clearTimeout(timer.current);
      timer.current = null;
    },
    [renew],
  );
  return [found, renew];
}

const SHORT = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });
/** "2026-11-28" as "28 Nov". */
const shortDay = (day) => SHORT.format(new Date(`${day}T12:00:00`));
