// Instructions: prose, lists, code and fields, as the server has parsed them. All texts are shown as text.

import { html } from "/assets/vendor/preact-htm.js";
import { Code, Copy } from "./ui.js";

const LANGUAGES = { sh: "Terminal", powershell: "PowerShell", text: "", talon: "Talon file", js: "JavaScript", json: "JSON", toml: "TOML", yaml: "YAML", python: "Python" };

export function Blocks({ blocks }) {
  return html`<div class="stack tight blocks">${blocks.map((block) => html`<${Block} block=${block} />`)}</div>`;
}

function Block({ block }) {
  switch (block.kind) {
    case "text":
      return html`<p><${Spans} spans=${block.spans} /></p>`;
    case "list": {
      const items = block.items.map((spans) => html`<li><${Spans} spans=${spans} /></li>`);
      return block.ordered ? html`<ol>${items}</ol>` : html`<ul>${items}</ul>`;
    }
    case "fields":
      return html`<${Fields} block=${block} />`;
    default: {
      const language = LANGUAGES[block.language] ?? block.language;
      return html`<div>${language && html`<p class="language">${language}</p>`}<${Code} block text=${block.text} name=${language ? `Copy: ${language}` : "Copy"} /></div>`;
    }
  }
}

/** What to enter where: each value has its own button. */
function Fields({ block }) {
  return html`<div class="entries">
    <p class="place">${block.place}</p>
    <dl>${block.fields.map(
      ({ label, value }) => html`<div class="entry">
        <dt>${label || "Enter"}</dt><dd><code>${value}</code><${Copy} small text=${value} name=${`Copy ${label || "it"}`} /></dd>
      </div>`,
    )}</dl>
    ${block.notes.map((line) => html`<p class="note-line">${line}</p>`)}
  </div>`;
}

function Spans({ spans }) {
  return spans.map((span) => {
    const text = span.code ? html`<code>${span.text}</code>` : span.strong ? html`<strong>${span.text}</strong>` : span.text;
    const isOwn = span.href?.startsWith("/");
    return span.href ? html`<a href=${span.href} target=${isOwn ? undefined : "_blank"} rel=${isOwn ? undefined : "noreferrer"}>${text}</a>` : text;
  });
}
