// Charts drawn as SVG, each with a table of its numbers.

import { html } from "/assets/vendor/preact-htm.js";

const HEIGHT = 100;

/**
 * Bars side by side. `series`: names of the parts, from the bottom up; `rows`: {label, parts: [number, ...]}.
 * `format` puts a number in words.
 */
export function Bars({ caption, series, rows, format = String }) {
  const total = (row) => row.parts.reduce((sum, part) => sum + (part ?? 0), 0);
  const most = Math.max(...rows.map(total), 0);
  const slot = 100 / Math.max(1, rows.length);
  const bar = (row, at) => {
    let top = HEIGHT;
    return row.parts.map((part, which) => {
      const height = most ? ((part ?? 0) / most) * HEIGHT : 0;
      top -= height;
      return html`<rect class="series-${which + 1}" x=${at * slot + slot * 0.12} y=${top} width=${slot * 0.76} height=${height}></rect>`;
    });
  };
  const words = (row) => `${row.label}: ${series.map((name, at) => `${format(row.parts[at] ?? 0)} ${name}`).join(", ")}`;
  return html`<figure class="chart">
    <figcaption>${caption} <${Legend} series=${series} /></figcaption>
    <div class="chart-area">
      <span class="chart-most">${most ? format(most) : ""}</span>
      <svg viewBox="0 0 100 ${HEIGHT}" preserveAspectRatio="none" role="img" aria-label=${caption}>
        <title>${caption}</title>
        ${rows.map((row, at) => html`<g><title>${words(row)}</title><rect class="hover" x=${at * slot} y="0" width=${slot} height=${HEIGHT}></rect>${bar(row, at)}</g>`)}
      </svg>
    </div>
    ${rows.length > 0 && html`<div class="chart-ends" aria-hidden="true"><span>${rows[0].label}</span><span>${rows[rows.length - 1].label}</span></div>`}
    <${Numbers} caption=${caption} series=${series} rows=${rows} format=${format} />
  </figure>`;
}

function Legend({ series }) {
  return series.length < 2
    ? null
    : html`<span class="legend">${series.map((name, at) => html`<span><i class="series-${at + 1}"></i>${name}</span>`)}</span>`;
}

function Numbers({ caption, series, rows, format }) {
  return html`<details class="numbers"><summary>Show as a table</summary>
    <div class="scroller" role="group" aria-label=${caption} tabindex="0"><table>
      <caption class="unseen">${caption}</caption>
      <thead><tr><th scope="col">When</th>${series.map((name) => html`<th scope="col" class="number">${name}</th>`)}</tr></thead>
      <tbody>${rows.map((row) => html`<tr><th scope="row">${row.label}</th>${series.map((_, at) => html`<td class="number">${format(row.parts[at] ?? 0)}</td>`)}</tr>`)}</tbody>
    </table></div>
  </details>`;
}
