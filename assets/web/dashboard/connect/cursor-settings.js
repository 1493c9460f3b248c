// What to type into Cursor, field by field, for each way in which Cursor's settings can look.

import { html, useState } from "/assets/vendor/preact-htm.js";
import { api } from "../common/api.js";
import { Button, Copy, Notice } from "../common/ui.js";

// Cursor takes names that begin with "claude-" or "gpt" for models of its own, and treats them in another way.
const MODELS = ["cc:opus", "cc:sonnet", "cc:haiku"];
const DEPLOYMENT = "cc-sonnet";

/** `made` is the tunnel's key as {name, key}, if it was made on this page; `onKey` gets another one. */
export function Settings({ baseUrl, keys, made, onKey }) {
  const address = baseUrl || "Open the tunnel first";
  const root = baseUrl ? baseUrl.replace(/\/v1$/, "") : address;
  const key = made?.key ?? (keys.length ? "Shown only when it was made" : "Made when the tunnel is opened first");
  return html`<div class="stack tight">
    <p>In Cursor, open Cursor Settings, Models, API Keys. Only you can do this: Cursor keeps these settings to itself.</p>
    <${KeyLine} keys=${keys} made=${made} onKey=${onKey} />
    <div class="entries">
      <p class="place">Cursor Settings, Models, API Keys</p>
      <dl>
        <${Entry} label="OpenAI API Key" value=${key} canCopy=${Boolean(made)} />
        <${Entry} label="Override OpenAI Base URL" value=${address} canCopy=${Boolean(baseUrl)} />
        ${MODELS.map((model) => html`<${Entry} key=${model} label="Add Custom Model" value=${model} canCopy />`)}
      </dl>
      <p class="note-line">Switch the key, the base URL and each of the models on. If there is a button "Verify", press it; newer versions have none, and only save.</p>
      <p class="note-line">Then choose one of the models in the chat, with Ask or Agent.</p>
    </div>
    <details><summary>I do not see "Override OpenAI Base URL"</summary><div class="stack tight">
      <p>Some versions and plans hide it. Use the section "Azure OpenAI" of the same page instead:</p>
      <div class="entries"><p class="place">Azure OpenAI</p><dl>
        <${Entry} label="Base URL" value=${root} canCopy=${Boolean(baseUrl)} />
        <${Entry} label="Deployment Name" value=${DEPLOYMENT} canCopy />
        <${Entry} label="API Key" value=${key} canCopy=${Boolean(made)} />
      </dl></div>
    </div></details>
    <details><summary>I have a free plan</summary><p>Free plans of Cursor can only choose Auto, which is always answered by Cursor's own models. A key of your own needs a paid plan, and some plans also need a balance for usage on demand.</p></details>
    <details><summary>Cursor says "ssrf_blocked" or "Access to private networks is forbidden"</summary><p>Its base URL leads to this computer or to your network, such as http://127.0.0.1:8082/v1. Cursor's servers refuse such addresses. Enter the tunnel's address.</p></details>
    <ul class="facts">
      <li>The override is for all models: Cursor's own GPT models fail while it is on.</li>
      <li>Cursor switches the override off by itself now and then. If requests stop coming, look there first.</li>
      <li>Tab completion and Apply always use Cursor's own models.</li>
    </ul>
  </div>`;
}

function Entry({ label, value, canCopy = false }) {
  return html`<div class="entry"><dt>${label}</dt>
    <dd>${canCopy ? html`<code>${value}</code><${Copy} small text=${value} name=${`Copy ${label}: ${label.includes("Key") ? "the key" : value}`} />` : html`<span class="quiet">${value}</span>`}</dd></div>`;
}

function KeyLine({ keys, made, onKey }) {
  const [trouble, setTrouble] = useState("");
  const [isBusy, setBusy] = useState(false);
  const make = async () => {
    setBusy(true);
    try {
      onKey(await api("POST", "/control/keys", { name: "Tunnel", numbered: true, listeners: ["tunnel"] }));
      setTrouble("");
    } catch (error) {
      setTrouble(error.message);
    }
    setBusy(false);
  };
  if (made) {
    return html`<${Notice} kind="good">This is the key "${made.name}". It works through the tunnel only, and is not shown again. <a href="#keys">Keys</a> has it, to revoke it.<//>`;
  }
  if (keys.length === 0) {
    return html`<p class="quiet">The first opening of the tunnel makes a key for it, which is shown here.</p>`;
  }
  return html`<div class="stack tight">
    <p>The tunnel has a key already ("${keys[0]}"). If you have not kept it, make another one.</p>
    <div><${Button} busy=${isBusy} onClick=${make}>Make another key for the tunnel<//></div>
    ${trouble && html`<${Notice} kind="bad">${trouble}<//>`}
  </div>`;
}

/** The edition of Cursor that calls this computer directly. Open if it is installed. */
export function PrivateInference({ cursor }) {
  const found = cursor.editions.find((edition) => edition.name === "Cursor Private Inference");
  const key = cursor.local_key;
  return html`<details class="card private" open=${Boolean(found)}>
    <summary>${found ? `Cursor Private Inference${found.version && ` ${found.version}`} is on this computer: it needs no tunnel` : "I use Cursor Private Inference, which needs no tunnel"}</summary>
    <div class="stack tight">
      <p>This edition calls your computer directly. Enter the address there, or start it with the variables:</p>
      <div class="entries"><p class="place">Settings, Models, Gateway</p><dl>
        <${Entry} label="Base URL" value=${cursor.local_base_url} canCopy />
        <${Entry} label="API key" value=${key ?? "The access key of this server"} canCopy=${key !== null} />
      </dl></div>
      <div class="entries"><p class="place">Or as variables of its process</p><dl>
        <${Entry} label="CURSOR_LOCAL_AGENT_BASE_URL" value=${cursor.local_base_url} canCopy />
        <${Entry} label="CURSOR_LOCAL_AGENT_API_KEY" value=${key ?? "The access key of this server"} canCopy=${key !== null} />
      </dl></div>
      <p class="hint">A saved gateway wins over the variables. Cursor keeps the list of models for each address as long as it has that address; after a change of models, restart Cursor.</p>
    </div>
  </details>`;
}
