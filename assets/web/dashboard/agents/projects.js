// Projects: the folders in which Claude's own tools may work, and what they may do there.

import { html, useEffect, useState } from "/assets/vendor/preact-htm.js";
import { api } from "../common/api.js";
import { AgentMode } from "./agent-mode.js";
import { RowForm, useEditedRow } from "../common/edited-row.js";
import { fieldsIn, given, ProjectForm } from "./project-form.js";
import { Button, Card, Confirm, Empty, Notice, Tag } from "../common/ui.js";

const PATH = "/control/projects";

export function Projects() {
  const [found, setFound] = useState(null);
  const [trouble, setTrouble] = useState("");
  const load = async () => {
    try {
      setFound(await api("GET", PATH));
      setTrouble("");
    } catch (error) {
      setTrouble(error.message);
    }
  };
  useEffect(() => void load(), []);
  if (!found) {
    return trouble ? html`<${Notice} kind="bad">${trouble}<//>` : null;
  }
  return html`<div class="stack projects">
    ${trouble && html`<${Notice} kind="bad">${trouble}<//>`}
    <${AgentMode} />
    <${Card} title="Projects" hint="An app names one as project_id, or in the name of its model, as in sonnet@shop.">
      ${found.data.length === 0
        ? html`<${Empty} title="There is no project yet.">Claude's own tools work only in a folder that you add here, and only as far as you allow.<//>`
        : html`<ul class="key-list">${found.data.map((row) => html`<${Project} key=${row.id} row=${row} found=${found} onChange=${load} />`)}</ul>`}
    <//>
    <${NewProject} found=${found} onAdded=${load} />
  </div>`;
}

function NewProject({ found, onAdded }) {
  const [fields, setFields] = useState(fieldsIn(null, found));
  const [error, setError] = useState("");
  const [added, setAdded] = useState("");
  const [isBusy, setBusy] = useState(false);
  const add = async (event) => {
    event.preventDefault();
    setBusy(true);
    try {
      const row = await api("POST", PATH, { ...given(fields, found), ...(fields.make ? { make: true } : {}) });
      // First, so that it is in the list when the page says that it is.
      await onAdded();
      setAdded(row.name);
      setFields(fieldsIn(null, found));
      setError("");
    } catch (refusal) {
      setError(refusal.message);
      setAdded("");
    }
    setBusy(false);
  };
  return html`<${Card} title="New project">
    <form class="key-form" onSubmit=${add}>
      <${ProjectForm} fields=${fields} found=${found} isNew onChange=${setFields} />
      ${error && html`<${Notice} kind="bad">${error}<//>`}
      <div class="key-actions">
        <button type="submit" class="button primary" disabled=${isBusy || !fields.name.trim() || !(fields.folder.trim() || fields.make)}>Add project</button>
        <span class="hint" role="status">${added && `${added} is added.`}</span>
      </div>
    </form>
  <//>`;
}

function Project({ row, found, onChange }) {
  const form = useEditedRow(onChange);
  const { edited, setEdited, attempt } = form;
  const path = `${PATH}/${encodeURIComponent(row.id)}`;
  return html`<li>
    <div class="key-row">
      <div class="key-about">
        <h3>${row.name}</h3>
        ${row.description && html`<p class="hint">${row.description}</p>`}
        <p class="project-folder"><code>${row.folder}</code></p>
        <p class="key-rights">${inWords(row, found).map(([word, kind]) => html`<${Tag} kind=${kind}>${word}<//>`)}</p>
      </div>
      <div class="key-actions">
        <${Button} small aria-expanded=${edited !== null} aria-label=${`Edit the project ${row.name}`} onClick=${() => setEdited(edited ? null : fieldsIn(row, found))}>Edit<//>
        <${Confirm} small label="Remove" question="Remove it, keep the folder" name=${`Remove the project ${row.name}`} onConfirm=${() => attempt(() => api("DELETE", path))} />
        ${row.is_ours && html`<${Confirm} small label="Delete folder" question="Remove it, and delete all in the folder" name=${`Delete the folder of ${row.name}`} onConfirm=${() => attempt(() => api("DELETE", `${path}?delete_folder=true`))} />`}
      </div>
    </div>
    ${row.problem && html`<${Notice} kind="warn">${row.problem}<//>`}
    <${RowForm} row=${form} onSave=${() => api("PATCH", path, given(edited, found, row))}>
      ${edited && html`<${ProjectForm} fields=${edited} found=${found} onChange=${setEdited} />`}
    <//>
  </li>`;
}

const LEVELS = { "read-only": ["Only reads", ""], edit: ["Writes files", ""], full: ["Runs commands", "warn"] };

/** What the project may do, in a few words: pairs of a text and a kind of tag. */
function inWords(row, found) {
  const names = found.keys.filter(({ id }) => row.remote_keys.includes(id)).map(({ name }) => name);
  const words = [
    LEVELS[row.permission],
    row.allowed_tools.length > 0 && [`only ${row.allowed_tools.join(", ")}`, ""],
    row.web && ["web", ""],
    row.reads_claude_md && ["CLAUDE.md", ""],
    row.mcp_servers && [`MCP: ${Object.keys(JSON.parse(row.mcp_servers)).join(", ")}`, ""],
    row.computer_use && ["computer use", "warn"],
    names.length > 0 && [`also remote, for ${names.join(", ")}`, "warn"],
  ];
  return words.filter(Boolean);
}
