// The header: the server's state, and the buttons that end it.

import { html, useState } from "/assets/vendor/preact-htm.js";
import { api } from "./api.js";
import { Confirm, Notice } from "./ui.js";

const WORDS = { running: "Running", starting: "Starting", stopping: "Stopping", stopped: "Stopped", failed: "Failed", lost: "Not reachable" };

export function Header({ live, onSkip }) {
  const [ending, setEnding] = useState(null);
  const [trouble, setTrouble] = useState("");
  const end = (path, word) => async () => {
    try {
      await api("POST", path, {});
      setTrouble("");
      setEnding(word);
    } catch (error) {
      setTrouble(`That did not work: ${error.message}`);
    }
  };
  const { status, connection } = live;
  const isUp = connection !== "lost" && status?.state === "running";
  const state = connection === "lost" ? (ending ?? "lost") : (status?.state ?? "starting");
  return html`<header class="bar">
    <button type="button" class="skip" onClick=${onSkip}>Skip to the section</button>
    <a class="brand" href="#live"><img src="/assets/icon.svg" alt="" width="32" height="32" /><span>Drawbridge</span></a>
    <p class="state ${state}" id="state" role="status">${WORDS[state]}</p>
    <span class="spacer"></span>
    <div class="actions">
      ${isUp && html`<${Confirm} label="Stop" name="Stop the server" question="Stop the server" onConfirm=${end("/control/stop", "stopped")} />`}
      ${isUp && status.can_quit && html`<${Confirm} label="Quit" name="Quit Drawbridge" question="Quit Drawbridge" onConfirm=${end("/control/quit", "stopped")} />`}
    </div>
    <${Trouble} text=${trouble} live=${live} ending=${ending} />
  </header>`;
}

function Trouble({ text, live, ending }) {
  if (text) {
    return html`<${Notice} kind="bad">${text}<//>`;
  }
  if (live.connection !== "lost") {
    return null;
  }
  if (live.trouble) {
    return html`<${Notice} kind="bad">${live.trouble}<//>`;
  }
  return ending
    ? html`<${Notice} kind="info">Drawbridge has stopped. Start it again from its icon, or with the command 'drawbridge'. This page then reconnects by itself.<//>`
    : html`<${Notice} kind="warn">The connection to Drawbridge is lost. Trying again...<//>`;
}
