// The questions of agents: a card for each, at the top of every section, until it is decided.

import { html, useEffect, useLayoutEffect, useRef, useState } from "/assets/vendor/preact-htm.js";
import { api } from "../common/api.js";
import { Detail, Visible } from "./approvals-text.js";
import { useEvents } from "../common/events.js";
import { Notice, Tag, TimeLeft, counted, useId } from "../common/ui.js";

// A click that was meant for what stood here before decides nothing.
const SETTLE_MS = 800;
const OUTCOMES = {
  once: "It was allowed once.",
  conversation: "It was allowed for its conversation.",
  refuse: "It was refused.",
  stop: "It was refused, and the answer was stopped.",
  expired: "There was no answer in time, so it was refused.",
  withdrawn: "Its request has ended.",
};
const WHAT = { Bash: "Command", Write: "Change of the file", Edit: "Change of the file", SandboxNetworkAccess: "Host" };

// As `server.desktop_tools.words` names the questions of computer use, which are about a window.
const isAboutWindow = ({ tool, project }) => tool === "computer" && project === "Computer use";
const subject = (question) => (isAboutWindow(question) ? "use of a window" : `${question.tool} in ${question.project}`);

/** The open questions, the oldest first, and how the last one ended. `skew`: the server's clock minus ours. */
function useQuestions() {
  const [state, setState] = useState({ questions: [], skew: 0, trouble: "" });
  const [closed, setClosed] = useState("");
  const newest = useRef(0);
  const load = async () => {
    const number = ++newest.current;
    try {
      const { data, now } = await api("GET", "/control/approvals");
      if (number === newest.current) {
        setState({ questions: data, skew: now - Date.now() / 1000, trouble: "" });
      }
    } catch (error) {
      if (number === newest.current && error.status) {
        setState((before) => ({ ...before, trouble: error.message }));
      }
    }
  };
  useEffect(() => void load(), []);
  useEvents((kind, data) => {
    if (kind === "hello" || kind === "approval") {
      load();
    }
    if (kind === "approval") {
      setClosed(data.phase === "closed" ? OUTCOMES[data.outcome] : "");
    }
  });
  return { ...state, closed, load };
}

/** Whether nothing has moved for a moment since `key` changed. */
function useSettled(key) {
  const [settled, setSettled] = useState("");
  useEffect(() => {
    const timer = setTimeout(() => setSettled(key), SETTLE_MS);
    return () => clearTimeout(timer);
  }, [key]);
  return settled === key;
}

/** The cards. `wanted`: the id of the question that the page was opened for; `onCount` gets how many are open. */
export function Approvals({ live, wanted, onCount }) {
  const { questions, skew, trouble, closed, load } = useQuestions();
  const shown = live.connection === "lost" ? [] : questions;
  const ids = shown.map(({ id }) => id).join(" ");
  const isSettled = useSettled(ids);
  const region = useRef(null);
  // Before the cards change.
  const hadFocus = region.current?.contains(document.activeElement);
  useEffect(() => onCount(shown.length), [shown.length]);
  // The keyboard stays near when the card that has it is closed. It is never taken from anything else.
  useLayoutEffect(() => {
    if (hadFocus && !region.current?.contains(document.activeElement)) {
      (region.current?.querySelector("article h2") ?? document.querySelector(".main h1"))?.focus();
    }
  }, [ids]);
  useEffect(() => {
    if (wanted && ids.split(" ").includes(wanted)) {
      document.getElementById(`approval-${wanted}`)?.focus();
    }
  }, [wanted, ids]);
  const first = shown[0];
  const asks = shown.length === 1 ? `An agent asks: ${subject(first)}.` : `${counted(shown.length, "question")} of agents wait for you.`;
  return html`<section class="approvals" aria-label="Questions of agents" ref=${region}>
    <p class="unseen" role="status" id="approvals-news">${first ? asks : closed}</p>
    ${trouble && html`<${Notice} kind="bad">The questions of agents cannot be shown: ${trouble}<//>`}
    ${shown.map((question) => html`<${Question} key=${question.id} question=${question} skew=${skew} isSettled=${isSettled} onDecided=${load} />`)}
  </section>`;
}

function Question({ question, skew, isSettled, onDecided }) {
  const [busy, setBusy] = useState("");
  const [trouble, setTrouble] = useState("");
  const id = useId("approval");
  const { tool, app, key } = question;
  const about = subject(question);
  const decide = (decision) => async () => {
    if (busy || !isSettled) {
      return;
    }
    setBusy(decision);
    try {
      await api("POST", `/control/approvals/${encodeURIComponent(question.id)}`, { decision });
    } catch (error) {
      setTrouble(error.message);
      setBusy("");
    }
    onDecided();
  };
  const button = (decision, label, kind = "") =>
    html`<button type="button" class="button ${kind}" aria-label="${label}: ${about}" title=${decision === "stop" ? "Refuse it, and end the answer." : undefined} aria-busy=${busy === decision || undefined} aria-disabled=${busy || !isSettled ? "true" : undefined} onClick=${decide(decision)}>${label}</button>`;
  return html`<article class="approval" aria-labelledby=${id}>
    <header>
      <h2 id=${`approval-${question.id}`} tabindex="-1"><span id=${id}>An agent asks: <${Visible} text=${about} /></span></h2>
      <${TimeLeft} until=${question.expires_at - skew} title="Without an answer it is refused." />
    </header>
    ${question.description && html`<p class="lead"><${Visible} text=${question.description} /></p>`}
    ${question.detail && html`<h3>${WHAT[tool] ?? "What it would do"}</h3><${Detail} question=${question} label=${`${WHAT[tool] ?? "What it would do"}: ${about}`} />`}
    <dl>
      ${question.path && html`<dt>Where</dt><dd class="mono"><${Visible} text=${question.path} /></dd>`}
      ${question.reason && html`<dt>Why it asks</dt><dd><${Visible} text=${question.reason} /></dd>`}
      ${!isAboutWindow(question) && html`<dt>Asked for</dt><dd><${Visible} text=${app || "an unknown app"} />${key && html` <${Tag}>${key}<//>`}</dd>`}
    </dl>
    <p class="error" role="alert">${trouble}</p>
    <div class="row">
      ${button("once", "Allow once", "primary")}
      ${question.may_remember && button("conversation", isAboutWindow(question) ? "Allow until it ends" : "Allow for this conversation")}
      ${button("refuse", "Refuse")}
      ${button("stop", "Stop", "danger")}
    </div>
  </article>`;
}
