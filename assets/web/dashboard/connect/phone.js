// A QR code of the base URL and a key, so that a phone need not type them. It is drawn only on demand, and not for long.

import { html, useEffect, useRef, useState } from "/assets/vendor/preact-htm.js";
import { api } from "../common/api.js";
import { useEvents } from "../common/events.js";
import { Button, Card, Notice, Select } from "../common/ui.js";

// How long a code with a key stays on the screen.
const SHOWN_MS = 120_000;
const MARGIN = 4;

export function Phone() {
  const [found, setFound] = useState(null);
  const [chosen, setChosen] = useState("");
  const [shown, setShown] = useState(null);
  const [trouble, setTrouble] = useState("");
  const load = async () => {
    try {
      setFound(await api("GET", "/control/phone"));
    } catch (error) {
      setTrouble(error.message);
    }
  };
  useEffect(() => void load(), []);
  useEvents((kind) => (kind === "status" || kind === "hello") && load());
  const row = found?.data.find((one) => one.base_url === chosen) ?? found?.data[0];
  // A code of an address that no longer leads here would mislead.
  const isStale = shown && !found?.data.some((one) => one.base_url === shown.base_url);
  const draw = async (keyOf) => {
    try {
      const { key, name } = await keyOf();
      const code = await api("POST", "/control/phone", { base_url: row.base_url, key });
      setShown({ ...code, base_url: row.base_url, name });
      setTrouble("");
    } catch (error) {
      setTrouble(error.message);
    }
  };
  const withNewKey = () => draw(async () => {
    const made = await api("POST", "/control/keys", { name: "Phone", numbered: true, listeners: [row.listener] });
    return { key: made.key, name: `the key '${made.name}'` };
  });
  if (!found) {
    return trouble ? html`<${Notice} kind="bad">${trouble}<//>` : null;
  }
  return html`<${Card} title="A phone or tablet" hint="Scan the base URL and an access key instead of typing them.">
    ${trouble && html`<${Notice} kind="bad">${trouble}<//>`}
    ${!row && html`<p class="quiet">Only this computer reaches Drawbridge now. Let <a href="#settings">other devices</a> of your network connect, or open a tunnel.</p>`}
    ${row && !(shown && !isStale) && html`<div class="stack tight">
      ${found.data.length > 1 && html`<${Select} label="Address" options=${found.data.map((one) => [one.base_url, `${one.base_url} (${one.listener === "lan" ? "your network" : "the internet"})`])} value=${row.base_url} onChange=${setChosen} />`}
      ${found.data.length === 1 && html`<p><code>${row.base_url}</code> <span class="quiet">(${row.listener === "lan" ? "your network" : "the internet"})</span></p>`}
      <div class="row">
        <${Button} kind="primary" onClick=${withNewKey}>Show a code with a new key<//>
        ${row.listener === "lan" && found.has_main_key && html`<${Button} onClick=${() => draw(async () => ({ key: true, name: "the main access key" }))}>With the main key<//>`}
        <${Button} kind="quiet" onClick=${() => draw(async () => ({ key: null, name: "" }))}>Only the address<//>
      </div>
      <p class="hint">A new key can be revoked under <a href="#keys">Keys</a> without touching other apps.</p>
    </div>`}
    ${shown && !isStale && html`<${Shown} code=${shown} onHide=${() => setShown(null)} />`}
  <//>`;
}

function Shown({ code, onHide }) {
  const box = useRef(null);
  useEffect(() => {
    box.current?.querySelector("button")?.focus();
    if (!code.has_key) {
      return undefined;
    }
    const timer = setTimeout(onHide, SHOWN_MS);
    // Not left on the screen behind other windows.
    const leave = () => document.hidden && onHide();
    document.addEventListener("visibilitychange", leave);
    return () => {
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", leave);
    };
  }, [code]);
  const size = code.size + 2 * MARGIN;
  return html`<div class="phone-code" ref=${box}>
    <div role="status">${code.has_key
      ? html`<${Notice} kind="warn" title="This code contains an access key.">Anyone who photographs it can use Claude on your account. It disappears after two minutes.<//>`
      : html`<p>The code contains the address only.</p>`}</div>
    <svg class="qr" role="img" aria-label=${`QR code: ${code.base_url}${code.has_key ? ` and ${code.name}` : ""}`} viewBox=${`${-MARGIN} ${-MARGIN} ${size} ${size}`} shape-rendering="crispEdges">
      <path d=${code.path} />
    </svg>
    <p>${code.has_key ? html`Two lines of text: <code>${code.base_url}</code> and ${code.name}.` : html`<code>${code.base_url}</code>`}</p>
    <div><${Button} onClick=${onHide}>Hide the code<//></div>
  </div>`;
}
