// What an agent's tool would do, as text that hides nothing: commands, and changes of files as diffs.

import { html } from "/assets/vendor/preact-htm.js";

// Characters that cannot be seen, that look like a space, or that change the order of others. Tab and line feed stay.
const HIDDEN =
  /(?![\n\t])[\p{C}\p{Zl}\p{Zp}\u00a0\u034f\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f\u2000-\u200a\u202f\u205f\u2800\u3164\ufe00-\ufe0e\uffa0\u{e0100}-\u{e01ef}]/gu;

/** `text` as it is, but with the code of each hidden character in its place. Never makes HTML of it. */
export function Visible({ text }) {
  const shown = [];
  let from = 0;
  for (const found of text.matchAll(HIDDEN)) {
    const code = `U+${found[0].codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}`;
    shown.push(text.slice(from, found.index), html`<span class="hidden-character">${code}</span>`);
    from = found.index + found[0].length;
  }
  shown.push(text.slice(from));
  return shown;
}

const KINDS = { "+": "added", "-": "removed", "@": "place" };

/** The lines of a unified diff in blocks of one kind: {kind, text}. The first two lines name the files. */
export function blocksOf(diff) {
  const blocks = [];
  for (const line of diff.split("\n").slice(2)) {
    const kind = KINDS[line[0]] ?? "same";
    const last = blocks.at(-1);
    if (last?.kind === kind && kind !== "place") {
      last.lines.push(line);
    } else {
      blocks.push({ kind, lines: [line] });
    }
  }
  return blocks.map(({ kind, lines }) => ({ kind, text: lines.join("\n") }));
}

/** Whether `detail` is a diff: that of a tool that changes files, never a command that looks like one. */
export const isDiff = ({ tool, detail }) => tool !== "Bash" && /^--- .*\n\+\+\+ /.test(detail);

/** All of what the tool would do, in an area that scrolls. */
export function Detail({ question, label }) {
  const { detail } = question;
  const count = detail.split("\n").length;
  const size = `${count === 1 ? "1 line" : `${count} lines`}, ${detail.length} characters`;
  return html`<div class="approval-detail">
    <pre tabindex="0" role="group" aria-label=${label} dir="ltr">${isDiff(question) ? blocksOf(detail).map(Block) : html`<code><${Visible} text=${detail} /></code>`}</pre>
    ${count > 12 && html`<p class="hint">${size}. Scroll to read all of it.</p>`}
  </div>`;
}

function Block({ kind, text }) {
  const shown = html`<${Visible} text=${text} />`;
  if (kind === "added") {
    return html`<ins>${shown}</ins>`;
  }
  return kind === "removed" ? html`<del>${shown}</del>` : html`<span class=${kind}>${shown}</span>`;
}
