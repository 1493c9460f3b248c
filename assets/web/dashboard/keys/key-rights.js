// What a key may do: its form, and the same in a few words.

import { html } from "/assets/vendor/preact-htm.js";
import { Field, Toggle, counted, tokens } from "../common/ui.js";

const NEW = { listeners: ["local", "lan"], models: [], agent: false, projects: false, requests_per_minute: null, tokens_per_minute: null };
const LISTENER_WORDS = { local: "On this computer", lan: "From other devices and containers", tunnel: "Through a tunnel, from the internet" };

/** The form's state for a key of the server, or for a new one. Numbers are texts there, because they are typed. */
export function rightsIn(row) {
  const { listeners, models, agent, projects, requests_per_minute, tokens_per_minute } = row ?? NEW;
  const text = (limit) => (limit === null ? "" : String(limit));
  return { listeners, models: models.join(", "), agent, projects, requests: text(requests_per_minute), tokens: text(tokens_per_minute) };
}

/** The rights as the server takes them. It says what is wrong with them. */
export function givenRights({ listeners, models, agent, projects, requests, tokens: most }) {
  const limit = (text) => (text.trim() === "" ? null : /^\d+$/.test(text.trim()) ? Number(text.trim()) : text);
  return {
    listeners,
    models: models.split(",").map((name) => name.trim()).filter(Boolean),
    agent,
    projects,
    requests_per_minute: limit(requests),
    tokens_per_minute: limit(most),
  };
}

/** The rights in a few words, the usual ones left out. */
export function rightsInWords(row, listeners) {
  const limits = [
    row.requests_per_minute !== null && `${counted(row.requests_per_minute, "request")} a minute`,
    row.tokens_per_minute !== null && `${tokens(row.tokens_per_minute)} tokens a minute`,
  ];
  const isUsual = row.listeners.length === 2 && !row.listeners.includes("tunnel");
  const places = listeners.filter(({ id }) => row.listeners.includes(id)).map(({ title }) => title);
  const agents = [row.agent && "agent mode", row.projects && "adds projects"];
  const words = [row.models.length > 0 && row.models.join(", "), ...limits, ...agents, !isUsual && `from ${places.join(", ")}`];
  const shown = words.filter(Boolean);
  return shown.length ? shown : ["No limits"];
}

/** `onChange` gets a function of the rights before that returns those after. */
export function RightsForm({ rights, listeners, onChange }) {
  const set = (name) => (value) => onChange((before) => ({ ...before, [name]: value }));
  const pick = (id) => (isOn) =>
    onChange((before) => ({ ...before, listeners: [...before.listeners.filter((one) => one !== id), ...(isOn ? [id] : [])] }));
  return html`<div class="rights">
    <div class="rights-limits">
      <${Field} label="Requests a minute" inputmode="numeric" placeholder="No limit" value=${rights.requests} onInput=${set("requests")} />
      <${Field} label="Tokens a minute" inputmode="numeric" placeholder="No limit" value=${rights.tokens} onInput=${set("tokens")} />
    </div>
    <${Field} label="Models" placeholder="All models" value=${rights.models} hint="Names, separated by commas, as in haiku, claude-sonnet-*" onInput=${set("models")} />
    <fieldset><legend>Agents</legend>
      <${Toggle} label="May use agent mode" hint="In your projects on this computer, as far as each allows." checked=${rights.agent} onChange=${set("agent")} />
      <${Toggle} label="May add and remove projects" hint="On this computer, and only inside the folder for projects of the settings." checked=${rights.projects} onChange=${set("projects")} />
    </fieldset>
    <fieldset><legend>Where it may be used</legend>
      ${listeners.map(({ id }) => html`<${Toggle} label=${LISTENER_WORDS[id] ?? id} checked=${rights.listeners.includes(id)} onChange=${pick(id)} />`)}
    </fieldset>
  </div>`;
}
