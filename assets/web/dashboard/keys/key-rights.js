// What a key may do: its form, and the same in a few words.

import { html } from "/assets/vendor/preact-htm.js";
import { Field, Toggle, counted, tokens } from "../common/ui.js";

const NEW = { doors: ["local", "lan"], models: [], agent: false, projects: false, requests_per_minute: null, tokens_per_minute: null };
const DOOR_WORDS = { local: "On this computer", lan: "From other devices and containers", tunnel: "Through a tunnel, from the internet" };

/** The form's state for a key of the server, or for a new one. Numbers are texts there, because they are typed. */
export function rightsIn(row) {
  const { doors, models, agent, projects, requests_per_minute, tokens_per_minute } = row ?? NEW;
  const text = (limit) => (limit === null ? "" : String(limit));
  return { doors, models: models.join(", "), agent, projects, requests: text(requests_per_minute), tokens: text(tokens_per_minute) };
}

/** The rights as the server takes them. It says what is wrong with them. */
export function givenRights({ doors, models, agent, projects, requests, tokens: most }) {
  const limit = (text) => (text.trim() === "" ? null : /^\d+$/.test(text.trim()) ? Number(text.trim()) : text);
  return {
    doors,
    models: models.split(",").map((name) => name.trim()).filter(Boolean),
    agent,
    projects,
    requests_per_minute: limit(requests),
    tokens_per_minute: limit(most),
  };
}

/** The rights in a few words, the usual ones left out. */
export function rightsInWords(row, doors) {
  const limits = [
    row.requests_per_minute !== null && `${counted(row.requests_per_minute, "request")} a minute`,
    row.tokens_per_minute !== null && `${tokens(row.tokens_per_minute)} tokens a minute`,
  ];
  const isUsual = row.doors.length === 2 && !row.doors.includes("tunnel");
  const places = doors.filter(({ id }) => row.doors.includes(id)).map(({ title }) => title);
  const agents = [row.agent && "agent mode", row.projects && "adds projects"];
  const words = [row.models.length > 0 && row.models.join(", "), ...limits, ...agents, !isUsual && `from ${places.join(", ")}`];
  const shown = words.filter(Boolean);
  return shown.length ? shown : ["No limits"];
}

/** `onChange` gets a function of the rights before that returns those after. */
export function RightsForm({ rights, doors, onChange }) {
  const set = (name) => (value) => onChange((before) => ({ ...before, [name]: value }));
  const pick = (id) => (isOn) =>
    onChange((before) => ({ ...before, doors: [...before.doors.filter((one) => one !== id), ...(isOn ? [id] : [])] }));
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
      ${doors.map(({ id }) => html`<${Toggle} label=${DOOR_WORDS[id] ?? id} checked=${rights.doors.includes(id)} onChange=${pick(id)} />`)}
    </fieldset>
  </div>`;
}
