// How much of each limit of the plan was used over time, as one line for each limit.

import { html } from "/assets/vendor/preact-htm.js";
import { Card, moment, percent } from "../common/ui.js";

const WIDTH = 300;
const HEIGHT = 100;

/** `windows` as /control/usage/windows returns it. Nothing is shown where no plan is known. */
export function PlanChart({ windows, days }) {
  if (!windows?.data.length) {
    return null;
  }
  const name = days === 1 ? "the last 24 hours" : `the last ${days} days`;
  return html`<${Card} title="Plan limits" hint="How much of each limit was used in ${name}, as Claude reported it with its answers.">
    <div class="plan">${windows.data.map((window, at) => html`<${Limit} window=${window} since=${windows.since} until=${windows.until} which=${at} />`)}</div>
  <//>`;
}

function Limit({ window, since, until, which }) {
  const last = window.points[window.points.length - 1];
  const x = (point) => (((point.at - since) / (until - since)) * WIDTH).toFixed(1);
  const y = (used) => (HEIGHT - Math.min(1, used) * HEIGHT).toFixed(1);
  // What was used stays used until the next report, or until the limit begins again.
  const steps = window.points.map((point, at) => {
    const next = window.points[at + 1];
    const end = next ? next.at : until;
    const reset = point.resets_at !== null && point.resets_at < end ? point.resets_at : null;
    const flat = `L${x(point)} ${y(point.used)} L${x({ at: reset ?? end })} ${y(point.used)}`;
    return reset === null ? flat : `${flat} L${x({ at: reset })} ${HEIGHT} L${x({ at: end })} ${HEIGHT}`;
  });
  const path = `M${x(window.points[0])} ${HEIGHT} ${steps.join(" ")}`;
  const caption = `${window.name}: ${percent(last.used)} % used at ${moment(last.at)}`;
  return html`<figure class="chart limit">
    <figcaption>${window.name}<b>${percent(last.used)} %</b></figcaption>
    <svg viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="none" role="img" aria-label=${caption}>
      <title>${caption}</title>
      <line class="full" x1="0" x2=${WIDTH} y1="0" y2="0"></line>
      <path class="area series-${(which % 5) + 1}" d="${path} L${WIDTH} ${HEIGHT} Z"></path>
      <path class="line series-${(which % 5) + 1}" d=${path} vector-effect="non-scaling-stroke"></path>
    </svg>
    <details class="numbers"><summary>Show as a table</summary>
      <div class="scroller" role="region" aria-label=${window.name} tabindex="0"><table><caption class="unseen">${window.name}</caption>
        <thead><tr><th scope="col">When</th><th scope="col" class="number">Used</th></tr></thead>
        <tbody>${window.points.map((point) => html`<tr><th scope="row">${moment(point.at)}</th><td class="number">${percent(point.used)} %</td></tr>`)}</tbody>
      </table></div>
    </details>
  </figure>`;
}
