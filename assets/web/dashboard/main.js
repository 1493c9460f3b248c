// The dashboard: takes the server's page over, opens its session, and shows the section that the address names.

import { html, render, useEffect, useRef, useState } from "/assets/vendor/preact-htm.js";
import { hasToken, openSession, whenLocked } from "./common/api.js";
import { Approvals } from "./agents/approvals.js";
import { ComputerCard } from "./computer/card.js";
import { Connect } from "./connect/connect.js";
import { Gate } from "./common/gate.js";
import { Header } from "./common/header.js";
import { ContentsBanner } from "./requests/contents.js";
import { useLive } from "./common/events.js";
import { Keys } from "./keys/keys.js";
import { href, takeTicket, useRoute } from "./common/route.js";
import { Live } from "./live/live.js";
import { Logs } from "./live/logs.js";
import { Projects } from "./agents/projects.js";
import { Playground } from "./playground/playground.js";
import { Requests } from "./requests/requests.js";
import { Settings } from "./settings/settings.js";
import { Usage } from "./usage/usage.js";

// The navigation, in order. A section gets {live, route}: `live` as `useLive` returns it, and the address.
const SECTIONS = [
  { id: "live", title: "Live", component: Live },
  { id: "requests", title: "Requests", component: Requests },
  { id: "usage", title: "Usage", component: Usage },
  { id: "connect", title: "Connect", component: Connect },
  { id: "keys", title: "Keys", component: Keys },
  { id: "projects", title: "Projects", component: Projects },
  { id: "playground", title: "Playground", component: Playground },
  { id: "settings", title: "Settings", component: Settings },
  { id: "logs", title: "Logs", component: Logs },
];

function Navigation({ current, version }) {
  const rail = useRef(null);
  // On narrow screens the links are a strip that scrolls sideways.
  useEffect(() => rail.current?.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" }), [current]);
  return html`<nav class="rail" aria-label="Sections" ref=${rail}>
    <ul>${SECTIONS.map(
      ({ id, title }) => html`<li><a href=${`./${href(id)}`} aria-current=${id === current ? "page" : undefined}>${title}</a></li>`,
    )}</ul>
    <div class="more"><${Links} /><p>${version && `Version ${version}`}</p></div>
  </nav>`;
}

function Links() {
  return html`<a href="/manual">Manual</a><a href="/docs">API documentation</a>`;
}

function Dashboard() {
  const route = useRoute();
  const live = useLive();
  const section = SECTIONS.find(({ id }) => id === route.section) ?? SECTIONS[0];
  const heading = useRef(null);
  const shown = useRef(section.id);
  const [waiting, setWaiting] = useState(0);
  useEffect(() => {
    document.title = `${waiting ? `(${waiting}) ` : ""}${section.title} - Drawbridge`;
  }, [section.id, waiting]);
  useEffect(() => {
    // The keyboard and screen readers follow to the new section.
    if (shown.current !== section.id) {
      shown.current = section.id;
      heading.current?.focus();
      scrollTo(0, 0);
    }
  }, [section.id]);
  const version = live.status?.version;
  return html`<div class="frame">
    <${Header} live=${live} onSkip=${() => heading.current?.focus()} />
    <${Navigation} current=${section.id} version=${version} />
    <main class="main">
      <${ComputerCard} live=${live} />
      <${Approvals} live=${live} wanted=${route.query.get("question")} onCount=${setWaiting} />
      <${ContentsBanner} live=${live} />
      <h1 tabindex="-1" ref=${heading}>${section.title}</h1>
      <${section.component} key=${section.id} live=${live} route=${route} />
      <footer class="foot"><${Links} /><span>${version && `Version ${version}`}</span></footer>
    </main>
  </div>`;
}

function Page({ trouble }) {
  const [isOpen, setOpen] = useState(hasToken());
  useEffect(() => whenLocked(() => setOpen(false)), []);
  return isOpen ? html`<${Dashboard} />` : html`<${Gate} trouble=${trouble} onOpen=${() => setOpen(true)} />`;
}

async function start() {
  const ticket = takeTicket();
  let trouble = "";
  if (ticket || !hasToken()) {
    try {
      await openSession({ ticket });
    } catch (error) {
      trouble = ticket ? error.message : "";
    }
  }
  const page = document.getElementById("page");
  page.replaceChildren();
  render(html`<${Page} trouble=${trouble} />`, page);
}

start();
