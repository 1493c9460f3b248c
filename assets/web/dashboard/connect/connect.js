// Connect: cards of the apps; one opens its three steps. While nothing was ever asked, the first steps stand above.

import { html, useEffect, useState } from "/assets/vendor/preact-htm.js";
import { api } from "../common/api.js";
import { CursorWizard } from "./cursor.js";
import { useEvents } from "../common/events.js";
import { Phone } from "./phone.js";
import { href } from "../common/route.js";
import { SignIn } from "../settings/signin.js";
import { Card, Code, Notice, Tag, moment } from "../common/ui.js";
import { Wizard } from "./wizard.js";

export function Connect({ live, route }) {
  const [found, setFound] = useState(null);
  const [trouble, setTrouble] = useState("");
  const load = async () => {
    try {
      setFound(await api("GET", "/control/clients"));
      setTrouble("");
    } catch (error) {
      setTrouble(error.message);
    }
  };
  useEffect(() => void load(), [route.path]);
  useEvents((kind) => kind === "seen" && !route.path && load());
  if (trouble) {
    return html`<${Notice} kind="bad">${trouble}<//>`;
  }
  if (!found) {
    return null;
  }
  const chosen = found.data.find((card) => card.name === route.path);
  if (!chosen) {
    return html`<${Cards} clients=${found} live=${live} />`;
  }
  const Steps = chosen.name === "cursor" ? CursorWizard : Wizard;
  return html`<${Steps} key=${chosen.name} card=${chosen} clients=${found} live=${live} />`;
}

function Cards({ clients, live }) {
  const common = clients.data.filter((card) => card.common);
  const others = clients.data.filter((card) => !card.common);
  return html`<div class="stack">
    <${FirstSteps} live=${live} here=${true} />
    <p class="intro">Pick your app. You get the exact text to paste, and this page tells when its first request has come.</p>
    <${AppList} label="Apps" cards=${common} />
    <details class="more-apps"><summary>More apps and libraries</summary><${AppList} label="More apps and libraries" cards=${others} /></details>
    <${Card} title="Any other app" hint="Most apps that talk to OpenAI have a field for a base URL. Anthropic's and Ollama's apps take the address without /v1.">
      <${Code} text=${clients.base_url} name="Copy the base URL" />
    <//>
    <${Phone} />
  </div>`;
}

function AppList({ label, cards }) {
  return html`<ul class="apps" aria-label=${label}>${cards.map(
    (card) => html`<li key=${card.name}><a class="app" href=${href("connect", { path: card.name })}>
      <strong>${card.title}</strong>${" "}<span class="quiet">${card.summary}</span>${" "}
      ${card.seen_at && html`<${Tag} kind="good">Seen ${moment(card.seen_at)}<//>`}
    </a></li>`,
  )}</ul>`;
}

/** The way of a new user: sign in, pick an app, ask. Shown until the first request is in the list of requests. */
export function FirstSteps({ live, here = false }) {
  const [isNew, setNew] = useState(false);
  const check = async () => {
    try {
      // The list of requests may be switched off.
      const isListed = (await api("GET", "/control/journal?limit=1")).data.length > 0;
      setNew(!isListed && !(await api("GET", "/control/clients")).was_asked);
    } catch {
      setNew(false);
    }
  };
  useEffect(() => void check(), []);
  useEvents((kind, data) => isNew && kind === "request" && data.phase === "finished" && check());
  const { status } = live;
  const isSignedIn = !status || status.demo || status.account.signed_in !== false;
  if (!isNew) {
    return isSignedIn ? null : html`<${Card} title="Sign in to Claude"><${SignIn} /><//>`;
  }
  return html`<${Card} title="Three steps to the first answer">
    <ol class="steps">
      <${Step} number="1" isDone=${isSignedIn} title="Sign in to Claude">
        ${isSignedIn ? html`<span class="quiet">${status?.account_line}</span>` : html`<${SignIn} />`}
      <//>
      <${Step} number="2" title="Connect an app">
        ${here ? html`<span class="quiet">Pick it below.</span>` : html`<a class="button primary" href="#connect">Pick your app</a>`}
      <//>
      <${Step} number="3" title="Ask something in it"><span class="quiet">It appears here at once.</span><//>
    </ol>
  <//>`;
}

function Step({ number, title, isDone = false, children }) {
  return html`<li class=${isDone ? "done" : ""}>
    <span class="step-number" aria-hidden="true">${isDone ? "✓" : number}</span>
    <div><strong>${title}</strong>${isDone && html`<span class="unseen"> (done)</span>`}<div>${children}</div></div>
  </li>`;
}
