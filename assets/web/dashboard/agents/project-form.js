// What a project may do: its form, and the same as the server takes it.

import { html } from "/assets/vendor/preact-htm.js";
import { Field, Notice, Toggle, useId } from "../common/ui.js";

const MEANING = {
  "read-only": ["Read only", "Claude reads and searches files. It changes nothing, and runs nothing."],
  edit: ["Edit", "Claude also writes and changes files in this folder."],
  full: ["Full", "Claude also runs commands: in a sandbox where this computer has one, otherwise only after you have allowed each."],
};
const WHAT = { Read: "reads files", Glob: "finds files by name", Grep: "searches in files", Write: "writes files", Edit: "changes files", Bash: "runs commands" };

/** The form's state for a project of the server, or for a new one. `tools`: those that are chosen. */
export function fieldsIn(row, found) {
  if (!row) {
    const permission = found.levels[0].id;
    return { name: "", folder: "", make: false, description: "", permission, tools: toolsOf(permission, found), web: false, reads_claude_md: false, mcp_servers: "", computer_use: false, remote_keys: [] };
  }
  const { name, folder, description, permission, web, reads_claude_md, mcp_servers, computer_use, remote_keys, tools } = row;
  return { name, folder, make: false, description, permission, tools: tools.filter((tool) => !found.web_tools.includes(tool)), web, reads_claude_md, mcp_servers, computer_use, remote_keys };
}

/** The project as the server takes it. Throws what the form itself has against it. `row`: the one that is changed. */
export function given(fields, found, row) {
  const { tools, make, folder, ...rest } = fields;
  if (tools.length === 0) {
    throw new Error("Choose at least one tool.");
  }
  const all = toolsOf(fields.permission, found);
  const isAll = all.every((tool) => tools.includes(tool));
  const place = folder.trim() && folder !== row?.folder ? { folder } : {};
  const known = rest.remote_keys.filter((id) => found.keys.some((key) => key.id === id));
  return { ...rest, ...place, remote_keys: known, allowed_tools: isAll ? [] : [...tools, ...(fields.web ? found.web_tools : [])] };
}

const toolsOf = (level, found) => found.levels.find(({ id }) => id === level).tools;

/** `onChange` gets a function of the fields before that returns those after. */
export function ProjectForm({ fields, found, isNew = false, onChange }) {
  const set = (name) => (value) => onChange((before) => ({ ...before, [name]: value }));
  const choose = (permission) => onChange((before) => ({ ...before, permission, tools: toolsOf(permission, found) }));
  const pick = (name, id) => (isOn) =>
    onChange((before) => ({ ...before, [name]: [...before[name].filter((one) => one !== id), ...(isOn ? [id] : [])] }));
  const hint = fields.make ? `Inside ${found.root}; if empty, it is named like the project.` : "The whole path, as in /home/me/shop. It must exist, and not be your home folder.";
  return html`<div class="rights">
    <div class="project-place">
      <${Field} label="Name" value=${fields.name} maxlength="40" placeholder="shop" autocomplete="off" onInput=${set("name")} />
      <${Field} label="Folder" value=${fields.folder} spellcheck=${false} autocomplete="off" hint=${hint} onInput=${set("folder")} />
    </div>
    ${isNew && found.root && html`<${Toggle} label=${`Make the folder in ${found.root}`} checked=${fields.make} onChange=${set("make")} />`}
    <${Levels} chosen=${fields.permission} found=${found} onChange=${choose} />
    <${Toggle} label="Also search the web and read pages" hint="What Claude reads there may contain instructions to it, and what it asks for leaves this computer." checked=${fields.web} onChange=${set("web")} />
    <${Toggle} label="Follow the folder's CLAUDE.md" hint="Instructions in that file count as yours. Settings and hooks of the folder never run." checked=${fields.reads_claude_md} onChange=${set("reads_claude_md")} />
    <details><summary>Tools, MCP servers and more</summary><div class="rights">
      <fieldset><legend>Tools</legend>
        ${toolsOf(fields.permission, found).map((tool) => html`<${Toggle} label=${`${tool}: ${WHAT[tool] ?? ""}`} checked=${fields.tools.includes(tool)} onChange=${pick("tools", tool)} />`)}
      </fieldset>
      <${Field} label="Description" value=${fields.description} maxlength="500" onInput=${set("description")} />
      <${Field} label="MCP servers" rows="4" value=${fields.mcp_servers} spellcheck=${false} placeholder='{"files": {"command": "mcp-files"}}' hint="JSON as in Claude Code's mcpServers. Naming a server here allows its tools. It is a program that runs as you, outside of the sandbox." onInput=${set("mcp_servers")} />
      <${Toggle} label="Computer use" hint="Claude sees your screen and uses pointer and keyboard, only while you have started that in the icon's menu." checked=${fields.computer_use} onChange=${set("computer_use")} />
      <${RemoteKeys} fields=${fields} found=${found} onPick=${pick} />
    </div></details>
  </div>`;
}

function Levels({ chosen, found, onChange }) {
  const name = useId("level");
  return html`<fieldset class="project-levels"><legend>What Claude may do</legend>
    ${found.levels.map(({ id }) => html`<div class="toggle">
      <input type="radio" name=${name} id="${name}-${id}" value=${id} checked=${chosen === id} aria-describedby="${name}-${id}-hint" onChange=${() => onChange(id)} />
      <label for="${name}-${id}">${MEANING[id]?.[0] ?? id}</label>
      <p class="hint" id="${name}-${id}-hint">${MEANING[id]?.[1]}</p>
    </div>`)}
  </fieldset>`;
}

function RemoteKeys({ fields, found, onPick }) {
  return html`<fieldset><legend>Use from elsewhere</legend>
    ${found.keys.length === 0
      ? html`<p class="hint">No key of an app may be used from other devices or the internet. <a href="#keys">Keys</a></p>`
      : html`<${Notice} kind="warn">Anyone with one of these keys can have Claude work in this folder, from another device. Give it only to keys that you trust as much as a person at this computer.<//>
        ${found.keys.map(({ id, name, agent, places }) => html`<${Toggle} label=${name} hint=${`From ${places.join(" and ")}.${agent ? "" : " It also needs the right to use agent mode."}`} checked=${fields.remote_keys.includes(id)} onChange=${onPick("remote_keys", id)} />`)}`}
  </fieldset>`;
}
