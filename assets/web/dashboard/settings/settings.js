// Settings: every setting with its meaning. A change applies at once where it can, and the server says why it cannot.

import { html, useEffect, useMemo, useState } from "/assets/vendor/preact-htm.js";
import { api, openSession } from "../common/api.js";
import { SettingRow } from "./setting.js";
import { Card, Empty, Field, Notice } from "../common/ui.js";

// Seldom needed: closed until opened, or until the search finds something there.
const CLOSED = new Set(["Embeddings", "Claude Code", "Waiting and retries"]);

export function Settings() {
  const [settings, setSettings] = useState(null);
  const [search, setSearch] = useState("");
  const [notices, setNotices] = useState([]);
  const [trouble, setTrouble] = useState("");
  const load = async () => {
    try {
      setSettings((await api("GET", "/control/settings")).data);
      setTrouble("");
    } catch (error) {
      setTrouble(error.message);
    }
  };
  useEffect(() => void load(), []);
  /** Saves one setting; null is its default. Throws what the server says against it. */
  const save = async (name, value) => {
    const reply = await api("PATCH", "/control/settings", { [name]: value });
    setSettings(reply.data);
    setNotices([...reply.notices, ...(reply.restarting ? ["Drawbridge restarts with this setting. This page reconnects by itself."] : [])]);
    if (reply.base_url) {
      location.assign(`${reply.base_url.replace(/\/v1$/, "")}/#open=${encodeURIComponent(reply.ticket)}&section=settings`);
    } else {
      // Whether a key is required decides about the page's token.
      await openSession({ ticket: reply.ticket }).catch(() => {});
    }
  };
  const groups = useMemo(() => grouped(settings ?? [], search), [settings, search]);
  if (!settings) {
    return trouble ? html`<${Notice} kind="bad">${trouble}<//>` : null;
  }
  if (!settings.length) {
    return html`<${Empty} title="The settings of this server cannot be changed here." />`;
  }
  return html`<div class="stack settings">
    <${Field} label="Find a setting" type="search" value=${search} onInput=${setSearch} />
    ${notices.map((notice) => html`<${Notice} kind="info">${notice}<//>`)}
    ${groups.map(([title, rows]) => html`<${Group} key=${title} title=${title} isOpen=${!CLOSED.has(title) || search.trim() !== ""}>
      ${rows.map((setting) => html`<${SettingRow} key=${setting.name} setting=${setting} onSave=${save} />`)}
    <//>`)}
    ${groups.length === 0 && html`<${Empty} title="No setting has these words." />`}
    <p class="hint">They are kept in the settings file, which can also be edited: see the <a href="/manual/commands">manual</a>.</p>
  </div>`;
}

function Group({ title, isOpen, children }) {
  if (!CLOSED.has(title)) {
    return html`<${Card} title=${title}>${children}<//>`;
  }
  return html`<details class="card" open=${isOpen}><summary><h2>${title}</h2></summary>${children}</details>`;
}

function grouped(settings, search) {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  const groups = new Map();
  for (const setting of settings) {
    const text = `${setting.title} ${setting.meaning} ${setting.name} ${setting.group}`.toLowerCase();
    if (words.every((word) => text.includes(word))) {
      groups.set(setting.group, [...(groups.get(setting.group) ?? []), setting]);
    }
  }
  return [...groups];
}
