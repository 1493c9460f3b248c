// Claude's use of the desktop: a card at the top of every section while a session runs, with each action in words.

import { html, useState } from "/assets/vendor/preact-htm.js";
import { api } from "../common/api.js";
import { Visible } from "../agents/approvals-text.js";
import { Button, Tag, TimeLeft } from "../common/ui.js";

const RESULTS = { refused: "refused", stopped: "stopped" };

/** The card; after a session it says to screen readers why that has ended. */
export function ComputerCard({ live }) {
  const computer = live.status?.computer;
  const isShown = live.connection !== "lost" && computer?.is_on;
  return html`<section aria-label="Computer use">
    <p class="unseen" role="status">${isShown ? "Claude uses the desktop." : computer?.ended}</p>
    ${isShown && html`<${Session} computer=${computer} />`}
  </section>`;
}

function Session({ computer }) {
  const [isBusy, setBusy] = useState(false);
  const [trouble, setTrouble] = useState("");
  const stop = async () => {
    setBusy(true);
    try {
      await api("POST", "/control/computer/stop");
    } catch (error) {
      setTrouble(error.message);
    } finally {
      setBusy(false);
    }
  };
  const newestFirst = computer.actions.map((action, at) => ({ ...action, number: at + 1 })).reverse();
  return html`<article class="computer">
    <header>
      <h2>Claude uses the desktop</h2>
      <${TimeLeft} until=${computer.ends_at} />
      <${Button} kind="danger" busy=${isBusy} onClick=${stop} aria-label="Stop now: Claude's use of the desktop">Stop now<//>
    </header>
    <p class="error" role="alert">${trouble}</p>
    ${newestFirst.length === 0 && html`<p class="hint">Claude has done nothing yet.</p>`}
    <ol reversed tabindex="0" aria-label="What Claude did, the newest first">
      ${newestFirst.map(
        ({ number, words, result }) => html`<li key=${number} value=${number}><${Visible} text=${words} /> ${RESULTS[result] && html`<${Tag} kind="bad">${RESULTS[result]}<//>`}</li>`,
      )}
    </ol>
  </article>`;
}
