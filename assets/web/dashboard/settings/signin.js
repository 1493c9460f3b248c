// Signs in to Claude: Claude Code opens the browser's tab, and this shows how far it is.

import { html, useEffect, useState } from "/assets/vendor/preact-htm.js";
import { api } from "../common/api.js";
import { Button, Notice } from "../common/ui.js";

export function SignIn() {
  const [state, setState] = useState({ state: "none", text: "" });
  const [trouble, setTrouble] = useState("");
  const call = async (method, body) => {
    try {
      setState(await api(method, "/control/sign-in", body));
      setTrouble("");
    } catch (error) {
      setTrouble(error.message);
    }
  };
  useEffect(() => void call("GET"), []);
  useEffect(() => {
    const timer = state.state === "waiting" && setInterval(() => document.hidden || call("GET"), 1000);
    return () => clearInterval(timer);
  }, [state.state]);
  if (state.state === "waiting") {
    return html`<div class="stack tight" role="status">
      <p class="waiting">Finish in the tab that Claude Code has opened in your browser.</p>
      <div class="row">
        <${Button} small onClick=${() => call("POST", { account: state.account })}>Open it again<//>
        <${Button} small kind="quiet" onClick=${() => call("DELETE")}>Cancel<//>
      </div>
      <p class="hint">No tab? Run <code>drawbridge login</code> in a terminal.</p>
    </div>`;
  }
  if (state.state === "done") {
    return html`<p role="status">Signed in: ${state.text}</p>`;
  }
  return html`<div class="stack tight">
    <div class="row">
      <${Button} kind="primary" onClick=${() => call("POST", { account: "claudeai" })}>Sign in with your Claude plan<//>
      <${Button} kind="quiet" onClick=${() => call("POST", { account: "console" })}>Use a Console account (billed per token)<//>
    </div>
    ${(trouble || state.state === "failed") && html`<${Notice} kind="bad">${trouble || state.text}<//>`}
  </div>`;
}
