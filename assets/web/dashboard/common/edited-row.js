// A row of a list that can be edited: its form, and what the server says against a change.

import { html, useState } from "/assets/vendor/preact-htm.js";
import { Button, Notice } from "./ui.js";

/**
 * The state of a row: `edited` are the fields of its form, null while that is closed. `attempt` does some work and
 * closes the form, or keeps it open and notes the `error`; then it calls `onChange`.
 */
export function useEditedRow(onChange) {
  const [edited, setEdited] = useState(null);
  const [error, setError] = useState("");
  const attempt = async (work) => {
    try {
      await work();
      setError("");
      setEdited(null);
    } catch (refusal) {
      setError(refusal.message);
    }
    await onChange();
  };
  return { edited, setEdited, error, attempt };
}

/** The error of a row, and its form with the fields `children` while it is open. `onSave` does the work of saving. */
export function RowForm({ row, onSave, children }) {
  const save = (event) => {
    event.preventDefault();
    row.attempt(onSave);
  };
  return html`
    ${row.error && html`<${Notice} kind="bad">${row.error}<//>`}
    ${row.edited && html`<form class="key-form" onSubmit=${save}>
      ${children}
      <div class="key-actions"><button type="submit" class="button primary small">Save</button><${Button} small kind="quiet" onClick=${() => row.setEdited(null)}>Cancel<//></div>
    </form>`}`;
}
