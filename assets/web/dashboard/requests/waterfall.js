// The phases of a request, each as a bar from its begin to its end.

import { html } from "/assets/vendor/preact-htm.js";
import { milliseconds } from "../common/ui.js";

const BOOTS = new Set(["cold", "process"]);

/** `phases`: {name, from_ms, until_ms}. Phases of no length are left out, but for the first token and the answer. */
export function Waterfall({ phases, row }) {
  const whole = Math.max(row.total_ms, 0.1);
  const shown = phases.filter(({ name, from_ms, until_ms }) => until_ms - from_ms >= 0.5 || ["first", "answer", "whole"].includes(name));
  const bar = ({ from_ms, until_ms }, at) => {
    const width = Math.max(((until_ms - from_ms) / whole) * 100, 0.7);
    const x = Math.min((from_ms / whole) * 100, 100 - width);
    return html`<svg viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true"><rect class="track" width="100" height="8"></rect><rect class="series-${(at % 5) + 1}" x=${x} width=${width} height="8"></rect></svg>`;
  };
  return html`<ol class="waterfall">${shown.map(
    (phase, at) => html`<li><span>${title(phase.name, row)}</span>${bar(phase, at)}<b>${milliseconds(phase.until_ms - phase.from_ms)}</b></li>`,
  )}</ol>`;
}

function title(name, row) {
  const titles = {
    read: "Read the request",
    wait: BOOTS.has(row.way) ? "Waited for a process to start" : "Waited for a process",
    prepare: row.way === "continued" ? "Passed on the question" : "Replayed the conversation",
    first: "Claude until the first token",
    answer: "The rest of the answer",
    whole: row.outcome === "cancelled" ? "Until the app disconnected" : row.outcome === "failed" ? "Until the error" : "Answered",
  };
  return titles[name] ?? name;
}
