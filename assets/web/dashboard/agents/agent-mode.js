// The switch for agent mode, over the setting of that name.

import { html, useEffect, useState } from "/assets/vendor/preact-htm.js";
import { api } from "../common/api.js";
import { Button, Confirm, Notice } from "../common/ui.js";

export function AgentMode() {
  const [setting, setSetting] = useState(null);
  const [error, setError] = useState("");
  const take = ({ data }) => setSetting(data.find(({ name }) => name === "agent_mode") ?? null);
  useEffect(() => void api("GET", "/control/settings").then(take, (failure) => setError(failure.message)), []);
  const set = async (value) => {
    try {
      take(await api("PATCH", "/control/settings", { agent_mode: value }));
      setError("");
    } catch (refusal) {
      setError(refusal.message);
    }
  };
  const trouble = error && html`<${Notice} kind="bad">${error}<//>`;
  if (setting === null) {
    return trouble || null;
  }
  const pinned = setting.pinned && ` ${setting.pinned} sets it.`;
  const actions = pinned
    ? null
    : setting.value
      ? html`<${Button} small onClick=${() => set(false)}>Switch agent mode off<//>`
      : html`<${Confirm} small label="Switch agent mode on" question="Let Claude's tools work" name="Switch agent mode on" onConfirm=${() => set(true)} />`;
  return html`${trouble}<${Notice} kind=${setting.value ? "good" : "info"} title=${`Agent mode is ${setting.value ? "on" : "off"}.`} actions=${actions}>
    ${setting.value ? "A request that names a project is answered by Claude's own tools in its folder." : "Requests that name a project are refused; nothing on this computer is read or changed."}${pinned}
  <//>`;
}
