// The components that all sections share. Texts from outside are given as children or properties, never as HTML.

import { html, useEffect, useLayoutEffect, useRef, useState } from "/assets/vendor/preact-htm.js";

export * from "../usage/charts.js";
export * from "./format.js";

let count = 0;
/** An id for elements that refer to each other. */
export function useId(prefix = "id") {
  const kept = useRef(null);
  kept.current ??= `${prefix}-${++count}`;
  return kept.current;
}

/** The time in seconds, renewed each `every` seconds while the component is shown and the page is visible. */
export function useNow(every = 1) {
  const [now, setNow] = useState(() => Date.now() / 1000);
  useEffect(() => {
    const timer = setInterval(() => document.hidden || setNow(Date.now() / 1000), every * 1000);
    return () => clearInterval(timer);
  }, [every]);
  return now;
}

/** The time that is left until the Unix time `until`, as in "4:05 left". */
export function TimeLeft({ until, title }) {
  const left = Math.max(0, Math.round(until - useNow()));
  return html`<span class="quiet" role="timer" title=${title}>${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")} left</span>`;
}

/** A titled box. `actions` are shown beside the title; `wide` takes the whole row. */
export function Card({ title, actions, wide = false, hint, children }) {
  const id = useId("card");
  return html`<section class="card ${wide ? "wide" : ""}" aria-labelledby=${title ? id : undefined}>
    ${title && html`<div class="card-head"><h2 id=${id}>${title}</h2>${actions}</div>`}
    ${hint && html`<p class="hint">${hint}</p>`}
    ${children}
  </section>`;
}

/** A button. `kind`: "primary", "danger", "quiet" or none. While `busy` it is disabled. */
export function Button({ kind = "", busy = false, small = false, disabled = false, children, ...rest }) {
  const names = ["button", kind, small && "small"].filter(Boolean).join(" ");
  return html`<button type="button" class=${names} disabled=${busy || disabled} aria-busy=${busy || undefined} ...${rest}>${children}</button>`;
}

/** A button that asks once more in its place. Escape, or the second button, takes it back. */
export function Confirm({ label, question = label, name, kind = "", small = false, onConfirm }) {
  const [isAsking, setAsking] = useState(false);
  const [isBusy, setBusy] = useState(false);
  const first = useRef(null);
  const sure = useRef(null);
  const wasAsking = useRef(false);
  // Before the next key is read.
  useLayoutEffect(() => {
    if (isAsking) {
      sure.current?.focus();
    } else if (wasAsking.current) {
      first.current?.querySelector("button")?.focus();
    }
    wasAsking.current = isAsking;
  }, [isAsking]);
  const confirm = async () => {
    setBusy(true);
    try {
      await onConfirm();
    } finally {
      setBusy(false);
      setAsking(false);
    }
  };
  if (!isAsking) {
    return html`<span ref=${first} class="confirm"><${Button} kind=${kind} small=${small} aria-label=${name} onClick=${() => setAsking(true)}>${label}<//></span>`;
  }
  const escape = (event) => event.key === "Escape" && setAsking(false);
  return html`<span class="confirm" role="group" aria-label=${name ?? question} onKeyDown=${escape}>
    <button type="button" ref=${sure} class="button danger ${small ? "small" : ""}" disabled=${isBusy} onClick=${confirm}>${question}</button>
    <${Button} kind="quiet" small=${small} disabled=${isBusy} onClick=${() => setAsking(false)}>Cancel<//>
  </span>`;
}

/** A button that copies `text`, which may be a function that makes it. */
export function Copy({ text, label = "Copy", name, small = false, kind = "" }) {
  const [word, setWord] = useState(null);
  useEffect(() => {
    const timer = word && setTimeout(() => setWord(null), 2000);
    return () => clearTimeout(timer);
  }, [word]);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(typeof text === "function" ? await text() : text);
      setWord("Copied");
    } catch {
      setWord("Could not copy");
    }
  };
  return html`<${Button} kind=${kind} small=${small} aria-label=${word ? undefined : name} onClick=${copy}>
    <span aria-live="polite">${word ?? label}</span>
  <//>`;
}

/** Text to copy, as a line or, with `block`, as several. */
export function Code({ text, block = false, label = "Copy", name }) {
  const shown = block ? html`<pre tabindex="0"><code>${text}</code></pre>` : html`<code>${text}</code>`;
  return html`<div class=${block ? "code block" : "code"}>${shown}<${Copy} small text=${text} label=${label} name=${name} /></div>`;
}

/** A labelled input; `rows` makes it a text area. `error` is announced. */
export function Field({ label, hint, error, rows, onInput, ...rest }) {
  const own = useId("field");
  const id = rest.id ?? own;
  const about = [hint && `${id}-hint`, error && `${id}-error`].filter(Boolean).join(" ") || undefined;
  const given = { id, "aria-describedby": about, "aria-invalid": error ? "true" : undefined, ...rest };
  const type = (event) => onInput?.(event.target.value);
  return html`<div class="field">
    <label for=${id}>${label}</label>
    ${rows ? html`<textarea rows=${rows} onInput=${type} ...${given}></textarea>` : html`<input onInput=${type} ...${given} />`}
    ${hint && html`<p class="hint" id="${id}-hint">${hint}</p>`}
    <p class="error" id="${id}-error" role="alert">${error}</p>
  </div>`;
}

/** A labelled choice. `options`: pairs of value and text, or plain texts. */
export function Select({ label, options, value, onChange, hint, ...rest }) {
  const id = useId("select");
  const pairs = options.map((option) => (Array.isArray(option) ? option : [option, option]));
  return html`<div class="field">
    <label for=${id}>${label}</label>
    <select id=${id} value=${value} aria-describedby=${hint ? `${id}-hint` : undefined} onChange=${(event) => onChange(event.target.value)} ...${rest}>
      ${pairs.map(([given, text]) => html`<option value=${given} selected=${given === value}>${text}</option>`)}
    </select>
    ${hint && html`<p class="hint" id="${id}-hint">${hint}</p>`}
  </div>`;
}

/** A labelled check box. */
export function Toggle({ label, hint, checked, onChange, ...rest }) {
  const id = useId("toggle");
  return html`<div class="toggle">
    <input type="checkbox" id=${id} checked=${checked} aria-describedby=${hint ? `${id}-hint` : undefined} onChange=${(event) => onChange(event.target.checked)} ...${rest} />
    <label for=${id}>${label}</label>
    ${hint && html`<p class="hint" id="${id}-hint">${hint}</p>`}
  </div>`;
}

/**
 * A table that scrolls sideways where it does not fit. `columns`: {id, title, render(row), number, minor}; `minor`
 * ones are left out on narrow screens. With `onOpen` the first cell of a row is a button that opens it.
 */
export function Table({ caption, columns, rows, keyOf = (row) => row.id, onOpen, nameOf, current }) {
  const kind = (column) => [column.number && "number", column.minor && "minor"].filter(Boolean).join(" ");
  const cell = (column, row, at) => {
    const content = column.render ? column.render(row) : row[column.id];
    if (at > 0 || !onOpen) {
      return content;
    }
    return html`<button type="button" class="row-button" aria-label=${nameOf?.(row)} onClick=${() => onOpen(row)}>${content}</button>`;
  };
  return html`<div class="scroller" role="group" aria-label=${caption} tabindex="0"><table>
    <caption class="unseen">${caption}</caption>
    <thead><tr>${columns.map((column) => html`<th scope="col" class=${kind(column)}>${column.title}</th>`)}</tr></thead>
    <tbody>${rows.map(
      (row) => html`<tr key=${keyOf(row)} aria-current=${current !== undefined && keyOf(row) === current ? "true" : undefined}>
        ${columns.map((column, at) => html`<td class=${kind(column)}>${cell(column, row, at)}</td>`)}
      </tr>`,
    )}</tbody>
  </table></div>`;
}

/** Something to know. `kind`: "info", "good", "warn" or "bad"; a bad one is announced. */
export function Notice({ kind = "info", title, actions, children }) {
  return html`<div class="note ${kind}" role=${kind === "bad" ? "alert" : undefined}>
    <div>${title && html`<strong>${title}</strong>`} ${children}</div>${actions && html`<div class="note-actions">${actions}</div>`}
  </div>`;
}

/** What stands where nothing is yet. */
export function Empty({ title, children }) {
  return html`<div class="empty"><p>${title}</p>${children && html`<div class="hint">${children}</div>`}</div>`;
}

/** A word in a frame. `kind` as of `Notice`, or none. */
export function Tag({ kind = "", children }) {
  return html`<span class="tag ${kind}">${children}</span>`;
}

/** A bar that shows which part of 1 is used. */
export function Meter({ label, value, text, kind = "" }) {
  const part = Math.max(0, Math.min(1, value));
  return html`<div class="meter ${kind}">
    <div class="meter-head"><span>${label}</span><span class="quiet">${text}</span></div>
    <div class="meter-bar" role="img" aria-label="${label}: ${text}"><div style=${{ width: `${part * 100}%` }}></div></div>
  </div>`;
}
