// Connects Cursor: opens a tunnel, shows what to type field by field, and waits for Cursor's first request.

import { html, useEffect, useRef, useState } from "/assets/vendor/preact-htm.js";
import { api } from "../common/api.js";
import { PrivateInference, Settings } from "./cursor-settings.js";
import { TunnelStep } from "./cursor-tunnel.js";
import { Card, Code, Notice } from "../common/ui.js";
import { SeenStep } from "./wizard.js";

// How often the page looks while the tunnel is being opened; later changes come with the server's state.
const EVERY_MS = 1000;

export function CursorWizard({ card, clients, live }) {
  const [tunnel, setTunnel] = useState(null);
  const [cursor, setCursor] = useState(null);
  const [made, setMade] = useState(null);
  const [trouble, setTrouble] = useState("");
  const load = async () => {
    try {
      setTunnel(await api("GET", "/control/tunnel"));
      setTrouble("");
    } catch (error) {
      setTrouble(error.message);
    }
  };
  // Only the state: a look for the providers' programs takes seconds.
  const follow = async () => {
    try {
      const { status, keys } = await api("GET", "/control/tunnel?look=false");
      setTunnel((before) => ({ ...before, status, keys }));
    } catch {
      // The header tells that the connection is lost.
    }
  };
  useEffect(() => {
    load();
    api("GET", "/control/cursor").then(setCursor, (error) => setTrouble(error.message));
  }, []);
  const state = tunnel?.status.state;
  const isMoving = state === "opening" || state === "lost";
  useEffect(() => {
    const timer = isMoving && setInterval(() => document.hidden || follow(), EVERY_MS);
    return () => clearInterval(timer);
  }, [isMoving]);
  const announced = live.status?.tunnel;
  useEffect(() => void (tunnel && follow()), [announced?.state, announced?.url]);
  const baseUrl = state === "open" ? tunnel.status.base_url : "";
  return html`<div class="stack wizard cursor">
    <p><a href="#connect">All apps</a></p>
    <h2 class="wizard-title">${card.title} <span class="quiet">${card.summary}</span></h2>
    ${trouble && html`<${Notice} kind="bad">${trouble}<//>`}
    ${cursor && html`<${PrivateInference} cursor=${cursor} />`}
    <${Card} title="1. Open a tunnel">
      ${tunnel && html`<${TunnelStep} tunnel=${tunnel} onChange=${setTunnel} onKey=${setMade} />`}
    <//>
    <${Changed} url=${baseUrl} />
    <${Card} title="2. Enter this in Cursor" actions=${html`<a href="/manual/clients/cursor">Manual page</a>`}>
      <${Settings} baseUrl=${baseUrl} keys=${tunnel?.keys ?? []} made=${made} onKey=${setMade} />
    <//>
    <${Card} title="3. Ask something in Cursor">
      ${baseUrl || cursor?.has_private
        ? html`<${SeenStep} card=${card} address=${baseUrl} since=${clients.now} live=${live} hints=${baseUrl && html`<${Hints} baseUrl=${baseUrl} />`} />`
        : html`<p class="quiet">When the tunnel is open, this page tells when Cursor's first request has come, or what is wrong with it.</p>`}
    <//>
  </div>`;
}

/** Tells that the tunnel has another address than the one that this page has shown before. */
function Changed({ url }) {
  const [old, setOld] = useState("");
  const last = useRef("");
  useEffect(() => {
    if (url && last.current && url !== last.current) {
      setOld(last.current);
    }
    last.current = url || last.current;
  }, [url]);
  return old && url && old !== url
    ? html`<div role="status"><${Notice} kind="warn" title="Cursor's address has changed."><p>Enter the new one in Cursor: the old one leads nowhere.</p><${Code} text=${url} name="Copy the new address" /><//></div>`
    : null;
}

function Hints({ baseUrl }) {
  return html`<div class="hints"><p>Nothing has come yet. Check in Cursor:</p>
    <ul>
      <li>Is the base URL exactly <code>${baseUrl}</code>, and is its switch on? Cursor switches it off by itself now and then.</li>
      <li>Is the switch of the OpenAI API key on, and is the key saved?</li>
      <li>Is one of the models of step 2 chosen in the chat? With Auto, Cursor answers with models of its own.</li>
      <li>Does Cursor say "ssrf_blocked" or "Access to private networks is forbidden"? Then the base URL is one of this computer, such as 127.0.0.1. Enter the address of step 2.</li>
      <li>Is your Cursor plan a paid one? Free plans cannot choose these models.</li>
    </ul>
  </div>`;
}
