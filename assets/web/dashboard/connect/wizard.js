// The steps that connect one app: a key where one is needed, the text to paste, and the wait for its first request.

import { html, useEffect, useRef, useState } from "/assets/vendor/preact-htm.js";
import { api } from "../common/api.js";
import { useEvents } from "../common/events.js";
import { Blocks } from "../common/blocks.js";
import { href } from "../common/route.js";
import { SignIn } from "../settings/signin.js";
import { Button, Card, Code, Notice, Select, clock, counted, useNow } from "../common/ui.js";

const SYSTEMS = [["posix", "macOS or Linux"], ["windows", "Windows"]];
// When the page begins to tell what else could be wrong.
const LONG_S = 25;

export function Wizard({ card, clients, live }) {
  const [key, setKey] = useState(null);
  const [system, setSystem] = useState(clients.system);
  const [text, setText] = useState(null);
  const [trouble, setTrouble] = useState("");
  useEffect(() => {
    let isOver = false;
    const fill = async () => {
      try {
        const filled = await api("POST", `/control/clients/${card.name}`, { system, ...(key && { key }) });
        isOver || (setText(filled), setTrouble(""));
      } catch (error) {
        isOver || setTrouble(error.message);
      }
    };
    fill();
    return () => {
      isOver = true;
    };
  }, [card.name, system, key, clients.base_url]);
  return html`<div class="stack wizard">
    <p><a href="#connect">All apps</a></p>
    <h2 class="wizard-title">${card.title} <span class="quiet">${card.summary}</span></h2>
    <${Card} title="1. The access key"><${KeyStep} card=${card} isNeeded=${clients.key_required || card.needs_key} made=${key} onKey=${setKey} /><//>
    <${Card} title="2. Paste this" actions=${text && html`<a href=${text.manual}>Manual page</a>`}>
      ${trouble && html`<${Notice} kind="bad">${trouble}<//>`}
      ${text?.has_commands && html`<div class="system"><${Select} label="Commands for" options=${SYSTEMS} value=${system} onChange=${setSystem} /></div>`}
      ${text && html`<${Blocks} blocks=${text.blocks} />`}
    <//>
    <${Card} title="3. Ask something in ${card.title}"><${SeenStep} card=${card} address=${text?.address} since=${clients.now} live=${live} /><//>
  </div>`;
}

function KeyStep({ card, isNeeded, made, onKey }) {
  const [trouble, setTrouble] = useState("");
  const [isBusy, setBusy] = useState(false);
  const make = async () => {
    setBusy(true);
    try {
      onKey((await api("POST", "/control/keys", { name: card.title, numbered: true })).key);
      setTrouble("");
    } catch (error) {
      setTrouble(error.message);
    }
    setBusy(false);
  };
  if (made) {
    return html`<div class="stack tight">
      <p>This key is for ${card.title} alone. It is filled in below, and is not shown again.</p>
      <${Code} text=${made} name="Copy the key" />
    </div>`;
  }
  return html`<div class="stack tight">
    <p>${isNeeded
      ? html`${card.title} must send an access key. Make one for ${card.title}: it can be revoked without touching the others.`
      : html`None is needed: where ${card.title} wants one, any text will do. With a key of its own its requests are listed under its name.`}</p>
    <div><${Button} kind=${isNeeded ? "primary" : ""} busy=${isBusy} onClick=${make}>Make a key for ${card.title}<//></div>
    ${trouble && html`<${Notice} kind="bad">${trouble}<//>`}
  </div>`;
}

/** Waits for the first request of the app. `hints`: what to check when none comes. */
export function SeenStep({ card, address, since, live, hints: ownHints }) {
  const [found, setFound] = useState(null);
  const from = useRef(since);
  const started = useRef(Date.now() / 1000);
  const now = useNow(1);
  const ask = async () => {
    try {
      setFound(await api("GET", `/control/seen?client=${card.name}&since=${from.current}`));
    } catch {
      // The header tells that the connection is lost.
    }
  };
  const isSeen = found?.state === "seen";
  useEffect(() => void ask(), []);
  useEvents((kind, data) => (kind === "seen" || kind === "hello" || (kind === "request" && data.phase === "started")) && ask());
  useEffect(() => {
    const timer = !isSeen && setInterval(() => document.hidden || ask(), 3000);
    return () => clearInterval(timer);
  }, [isSeen]);
  const again = () => {
    from.current = found.now;
    started.current = Date.now() / 1000;
    setFound({ ...found, state: "waiting", last: null, finding: null, others: [] });
  };
  if (!found) {
    return null;
  }
  const isLong = found.state === "waiting" && now - started.current > LONG_S;
  return html`<div class="stack tight">
    <div role="status"><${SeenLine} card=${card} found=${found} /></div>
    ${found.finding && html`<${FindingNotice} finding=${found.finding} onChange=${ask} />`}
    ${isLong && (ownHints || html`<${Hints} card=${card} address=${address} />`)}
    ${!isSeen && found.others.length > 0 && html`<${Others} card=${card} others=${found.others} />`}
    ${isSeen && html`<div class="row"><a class="button" href="#requests">Show its requests</a><a class="button" href="#connect">Connect another app</a><${Button} kind="quiet" onClick=${again}>Wait for another<//></div>`}
    ${live.status?.demo && html`<p class="hint">In the demo all answers are made up.</p>`}
  </div>`;
}

function SeenLine({ card, found }) {
  const { state, last } = found;
  switch (state) {
    case "seen":
      return html`<p class="seen"><span class="tick" aria-hidden="true">✓</span><span><strong>Seen at ${clock(last.at)}, answered in ${last.seconds.toFixed(1)} s.</strong>
        <span class="quiet"> ${last.model && `By ${last.model}.`} ${card.title} is connected.</span></span></p>`;
    case "answering":
      return html`<p class="waiting">${card.title} has asked something. Claude is answering...</p>`;
    case "reached":
      return html`<p class="waiting">${card.title} asked for a list at ${clock(last.at)}: its address is right. Now ask it something.</p>`;
    case "wrong":
      return html`<p class="waiting">A request came at ${clock(found.found_at)}, and something is wrong with it. Waiting for the next one...</p>`;
    default:
      return html`<p class="waiting">Waiting for the first request from ${card.title}...</p>`;
  }
}

function FindingNotice({ finding, onChange }) {
  return html`<${Notice} kind="warn" title=${finding.text}>
    <p>${finding.help}</p>
    ${finding.offer === "address" && finding.value && html`<${Code} text=${finding.value} name="Copy the address" />`}
    ${finding.offer === "sign in" && html`<${SignIn} />`}
    ${finding.offer === "allow host" && html`<${Allow} setting="allowed_hosts" value=${finding.value} onChange=${onChange} />`}
    ${finding.offer === "allow origin" && html`<${Allow} setting="allowed_origins" value=${finding.value} onChange=${onChange} />`}
  <//>`;
}

/** Adds a name or a page to those that the settings allow. */
function Allow({ setting, value, onChange }) {
  const [text, setText] = useState("");
  const allow = async () => {
    try {
      const { data } = await api("GET", "/control/settings");
      const before = data.find((each) => each.name === setting).value;
      await api("PATCH", "/control/settings", { [setting]: [...before, value] });
      setText(`${value} is allowed now. Send the request again.`);
      onChange();
    } catch (error) {
      setText(error.message);
    }
  };
  return text ? html`<p role="status">${text}</p>` : html`<${Button} small onClick=${allow}>Allow ${value}<//>`;
}

function Hints({ card, address }) {
  return html`<div class="hints"><p>Nothing has come yet. Check in ${card.title}:</p>
    <ul>
      ${address && html`<li>Is its address exactly <code>${address}</code>? With another port, its requests go to another program.</li>`}
      <li>Are the settings saved, and is the model of step 2 the one that you ask?</li>
      <li>Does the app run on this computer? In a container, 127.0.0.1 is the container: see the <a href="/manual/clients#containers-and-other-devices">manual</a>.</li>
      <li>Does it use a proxy? Exclude 127.0.0.1 from it.</li>
    </ul>
  </div>`;
}

function Others({ card, others }) {
  return html`<div class="hints"><p>${counted(others.length, "other app")} asked meanwhile. Not every app tells its own name, so one of them may be ${card.title}:</p>
    <ul>${others.map((other) => html`<li><strong>${other.app}</strong> at ${clock(other.at)}: ${other.ok ? `answered in ${other.seconds.toFixed(1)} s` : other.text || "not answered"}</li>`)}</ul>
    <p><a href=${href("requests")}>Show all requests</a></p>
  </div>`;
}
