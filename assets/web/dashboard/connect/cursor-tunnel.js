// The tunnel for Cursor: who can open one and who can read along, its state, and the buttons that open and close it.

import { html, useState } from "/assets/vendor/preact-htm.js";
import { api } from "../common/api.js";
import { Button, Code, Confirm, Field, Notice, Tag, clock } from "../common/ui.js";

/** `onChange` gets the tunnel's new state, `onKey` the key that its first opening has made. */
export function TunnelStep({ tunnel, onChange, onKey }) {
  const [trouble, setTrouble] = useState("");
  const { status } = tunnel;
  const call = async (method, body) => {
    try {
      const answer = await api(method, "/control/tunnel", body);
      onChange({ ...tunnel, status: answer.status, keys: answer.keys });
      if (answer.key?.key) {
        onKey(answer.key);
      }
      setTrouble("");
    } catch (error) {
      setTrouble(error.message);
    }
  };
  const isOff = status.state === "off" || status.state === "failed";
  return html`<div class="stack tight">
    <p>Cursor's servers send the requests, not your computer, and they cannot reach 127.0.0.1. A tunnel gives this server a public address. Only requests with the tunnel's own key get through it, and only to the models.</p>
    <div role="status"><${State} status=${status} /></div>
    ${trouble && html`<${Notice} kind="bad">${trouble}<//>`}
    ${isOff ? html`<${Providers} tunnel=${tunnel} onOpen=${(body) => call("POST", body)} />` : html`<div><${Button} onClick=${() => call("DELETE")}>Close the tunnel<//></div>`}
  </div>`;
}

function State({ status }) {
  switch (status.state) {
    case "open":
      return html`<div class="stack tight">
        <p class="seen"><span class="tick" aria-hidden="true">✓</span><span><strong>Open through ${status.title}.</strong> <span class="quiet"><${Reader} reader=${status.reader} /> ${status.keeps_name ? "The address stays the same." : "The address changes when the tunnel is opened again; then Cursor needs the new one."}</span></span></p>
      </div>`;
    case "opening":
      return html`<p class="waiting">Opening the tunnel through ${status.title}, and checking that its address leads here...</p>`;
    case "lost":
      return html`<div class="stack tight"><p class="waiting">The tunnel is lost. ${status.next_try_at ? `Trying again at ${clock(status.next_try_at)}.` : "Trying again."}</p><${Problem} status=${status} kind="warn" /></div>`;
    case "failed":
      return html`<${Problem} status=${status} kind="bad" />`;
    default:
      return status.closed_after_hours
        ? html`<p>The tunnel was closed, because no request came for ${status.closed_after_hours} hours.</p>`
        : null;
  }
}

function Problem({ status, kind }) {
  return html`<${Notice} kind=${kind} title=${status.problem ?? "The tunnel is not open."}>
    <${Remedy} hint=${status.hint} command=${status.command} url=${status.link ?? status.url} />
  <//>`;
}

/** What to do about what is missing. */
function Remedy({ hint, command, url }) {
  return html`${hint && html`<p>${hint}</p>`}
    ${command && html`<${Code} text=${command} name=${`Copy ${command}`} />`}
    ${url && html`<p><a href=${url} target="_blank" rel="noreferrer">${url}</a></p>`}`;
}

function Reader({ reader }) {
  return reader ? html`${reader} can read the requests on their way.` : "No one on the way can read the requests.";
}

function Providers({ tunnel, onOpen }) {
  const [host, setHost] = useState(tunnel.host ?? "");
  const providers = tunnel.providers ?? [];
  const ready = providers.filter((one) => !one.lacks);
  const missing = providers.filter((one) => one.lacks);
  const row = (one) => html`<${Provider} key=${one.name} provider=${one} host=${host} onHost=${setHost} onOpen=${onOpen} />`;
  return html`<div class="stack tight">
    ${ready.length === 0 && html`<p>No provider is ready on this computer yet. Drawbridge downloads nothing by itself: install one of these.</p>`}
    ${ready.length > 0 && html`<ul class="providers" aria-label="Ready providers">${ready.map(row)}</ul>`}
    ${missing.length > 0 && html`<details open=${ready.length === 0}><summary>Providers that need something first</summary><ul class="providers" aria-label="Providers that need something first">${missing.map(row)}</ul></details>`}
    <p class="hint">Your prompts pass through the provider and through Cursor's servers. Cursor says that its zero data retention does not cover your own keys.</p>
  </div>`;
}

function Provider({ provider, host, onHost, onOpen }) {
  const [isBusy, setBusy] = useState(false);
  const open = async (agreed) => {
    setBusy(true);
    await onOpen({ provider: provider.name, ...(provider.needs_host && { host }), ...(agreed && { agreed }) });
    setBusy(false);
  };
  // A host can be typed here; everything else must be there first.
  const canOpen = !provider.lacks || (provider.needs_host && provider.lacks === "setting");
  const name = `Open through ${provider.title}`;
  return html`<li class="provider">
    <div class="provider-head"><strong>${provider.title}</strong>
      ${provider.lacks ? html`<${Tag}>Not ready<//>` : html`<${Tag} kind="good">Ready<//>`}
      ${provider.keeps_name && html`<${Tag}>Keeps its address<//>`}</div>
    <p class="quiet"><${Reader} reader=${provider.reader} />${provider.keeps_name ? "" : " The address changes when it is opened again."}</p>
    ${provider.needs_host && html`<${Field} label=${`Public name for ${provider.title}`} placeholder="drawbridge.example.com" value=${host} onInput=${onHost} />`}
    ${provider.lacks && html`<${Remedy} hint=${provider.hint} command=${provider.command} url=${provider.url} />`}
    ${canOpen && (provider.asks
      ? html`<${Confirm} label="Open" name=${name} question=${`${provider.reader} may read along: open`} onConfirm=${() => open(true)} />`
      : html`<div><${Button} kind=${provider.lacks ? "" : "primary"} aria-label=${name} busy=${isBusy} disabled=${provider.needs_host && !host.trim()} onClick=${() => open(false)}>Open<//></div>`)}
  </li>`;
}
