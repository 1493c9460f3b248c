// The keys of apps: makes one, shows it once, and lists what each may do and has used.

import { html, useEffect, useRef, useState } from "/assets/vendor/preact-htm.js";
import { api } from "../common/api.js";
import { RowForm, useEditedRow } from "../common/edited-row.js";
import { givenRights, rightsIn, RightsForm, rightsInWords } from "./key-rights.js";
import { Button, Card, Code, Confirm, Empty, Field, Notice, Tag, counted, duration, useNow } from "../common/ui.js";

const EVERY_MS = 5000;

export function Keys() {
  const [found, setFound] = useState(null);
  const [trouble, setTrouble] = useState("");
  const load = async () => {
    try {
      setFound(await api("GET", "/control/keys"));
      setTrouble("");
    } catch (error) {
      setTrouble(error.message);
    }
  };
  useEffect(() => {
    load();
    const timer = setInterval(() => document.hidden || load(), EVERY_MS);
    return () => clearInterval(timer);
  }, []);
  if (!found) {
    return trouble ? html`<${Notice} kind="bad">${trouble}<//>` : null;
  }
  return html`<div class="stack keys">
    ${(trouble || found.trouble) && html`<${Notice} kind="bad">${trouble || found.trouble}<//>`}
    <${NewKey} listeners=${found.listeners} onMade=${load} />
    <${Card} title="Keys">
      ${found.data.length === 0
        ? html`<${Empty} title="No app has a key of its own yet.">With one, its requests are listed under its name, and it can be limited or revoked without touching other apps.<//>`
        : html`<ul class="key-list">${found.data.map((row) => html`<${Key} key=${row.name} row=${row} listeners=${found.listeners} onChange=${load} />`)}</ul>`}
    <//>
    ${!found.key_required && found.data.length > 0 && html`<${Notice}>Apps on this computer also get in without a key, so limits bind only those that send theirs. <a href="#settings">Require the access key</a> to change that.<//>`}
  </div>`;
}

function NewKey({ listeners, onMade }) {
  const [name, setName] = useState("");
  const [rights, setRights] = useState(rightsIn(null));
  const [made, setMade] = useState(null);
  const [error, setError] = useState("");
  const [isBusy, setBusy] = useState(false);
  const shown = useRef(null);
  useEffect(() => void (made && shown.current?.querySelector(".code button")?.focus()), [made]);
  const make = async (event) => {
    event.preventDefault();
    setBusy(true);
    try {
      setMade(await api("POST", "/control/keys", { name, ...givenRights(rights) }));
      setName("");
      setRights(rightsIn(null));
      setError("");
      onMade();
    } catch (refusal) {
      setError(refusal.message);
    }
    setBusy(false);
  };
  return html`<${Card} title="New key" hint="One for each app. It is shown once; Drawbridge keeps only a fingerprint of it.">
    ${made && html`<div class="key-made" ref=${shown} role="status">
      <${Notice} kind="good" title=${`The key for ${made.name}.`} actions=${html`<${Button} small kind="quiet" onClick=${() => setMade(null)}>Done<//>`}>
        Copy it into the app now: it is not shown again.
        <${Code} text=${made.key} name=${`Copy the key for ${made.name}`} />
      <//>
    </div>`}
    <form class="key-form" onSubmit=${make}>
      <div class="key-name">
        <${Field} label="App" value=${name} maxlength="40" placeholder="Talon" autocomplete="off" error=${error} onInput=${setName} />
        <button type="submit" class="button primary" disabled=${isBusy || !name.trim()}>Create key</button>
      </div>
      <details><summary>Limits and rights</summary><${RightsForm} rights=${rights} listeners=${listeners} onChange=${setRights} /></details>
    </form>
  <//>`;
}

function Key({ row, listeners, onChange }) {
  const form = useEditedRow(onChange);
  const { edited, setEdited, attempt } = form;
  const path = `/control/keys/${encodeURIComponent(row.name)}`;
  return html`<li>
    <div class="key-row">
      <div class="key-about">
        <h3>${row.name}</h3>
        <p class="key-rights">${rightsInWords(row, listeners).map((word) => html`<${Tag}>${word}<//>`)}</p>
        <p class="hint"><${Used} row=${row} /></p>
      </div>
      <div class="key-actions">
        <${Button} small aria-expanded=${edited !== null} aria-label=${`Edit the key for ${row.name}`} onClick=${() => setEdited(edited ? null : { ...rightsIn(row), name: row.name })}>Edit<//>
        <${Confirm} small label="Revoke" question="Revoke it" name=${`Revoke the key for ${row.name}`} onConfirm=${() => attempt(() => api("DELETE", path))} />
      </div>
    </div>
    <${RowForm} row=${form} onSave=${() => api("PATCH", path, { name: edited.name, ...givenRights(edited) })}>
      ${edited && html`<${Field} label="Name" value=${edited.name} maxlength="40" onInput=${(name) => setEdited((before) => ({ ...before, name }))} />
        <${RightsForm} rights=${edited} listeners=${listeners} onChange=${setEdited} />`}
    <//>
  </li>`;
}

function Used({ row }) {
  const now = useNow(5);
  if (row.used_at === null) {
    return "Not used since Drawbridge started";
  }
  const age = now - row.used_at;
  const when = age < 60 ? "Used just now" : `Last used ${duration(age)} ago`;
  const minute = row.requests_in_last_minute
    ? `; in the last minute ${counted(row.requests_in_last_minute, "request")} and ${counted(row.tokens_in_last_minute, "token")}`
    : "";
  return html`${when}${minute}`;
}

