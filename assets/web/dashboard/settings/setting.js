// One setting: its meaning, its input, and what the server says about a new value.

import { html, useEffect, useState } from "/assets/vendor/preact-htm.js";
import { Button, Tag, useId } from "../common/ui.js";

const APPLIES = { "next start": "applies at the next start", restart: "restarts the server" };

export function SettingRow({ setting, onSave }) {
  const id = useId("setting");
  const [state, setState] = useState({ error: "", isSaved: false, isBusy: false });
  const isFixed = setting.pinned !== "" || setting.kind === "secret";
  useEffect(() => {
    const timer = state.isSaved && setTimeout(() => setState((before) => ({ ...before, isSaved: false })), 2500);
    return () => clearTimeout(timer);
  }, [state.isSaved]);
  const save = async (value) => {
    setState({ error: "", isSaved: false, isBusy: true });
    try {
      await onSave(setting.name, value);
      setState({ error: "", isSaved: true, isBusy: false });
    } catch (error) {
      setState({ error: error.message, isSaved: false, isBusy: false });
    }
  };
  const about = [`${id}-meaning`, state.error && `${id}-error`].filter(Boolean).join(" ");
  const isChanged = setting.source === "settings file" && !isFixed;
  return html`<div class="setting ${isFixed ? "fixed" : ""}">
    <div class="setting-text">
      <label for=${id}>${setting.title}</label>
      ${setting.is_pending ? html`<${Tag} kind="warn">waits for the next start<//>` : APPLIES[setting.applies] && html`<${Tag}>${APPLIES[setting.applies]}<//>`}
      <p class="hint" id="${id}-meaning">${setting.meaning}</p>
    </div>
    <div class="setting-input">
      <${Input} id=${id} setting=${setting} about=${about} isInvalid=${state.error !== ""} disabled=${isFixed || state.isBusy} onSave=${save} />
      <p class="setting-state" role="status">
        ${setting.pinned ? `Set by ${setting.pinned}` : state.isSaved ? "Saved" : ""}
        ${isChanged && !state.isSaved && html`<${Default} setting=${setting} onClick=${() => save(null)} />`}
      </p>
    </div>
    <p class="error" id="${id}-error" role="alert">${state.error}</p>
  </div>`;
}

function Default({ setting, onClick }) {
  const word = `Default${shown(setting.default)}`;
  return html`<${Button} small kind="quiet" aria-label=${`${word}, for ${setting.title}`} onClick=${onClick}>${word}<//>`;
}

function shown(value) {
  return value === null || typeof value === "boolean" || Array.isArray(value) || value === "" ? "" : `: ${value}`;
}

function Input({ id, setting, about, isInvalid, disabled, onSave }) {
  const given = { id, disabled, "aria-describedby": about, "aria-invalid": isInvalid ? "true" : undefined };
  switch (setting.kind) {
    case "switch":
      return html`<input type="checkbox" role="switch" class="switch" checked=${setting.value} onChange=${(event) => onSave(event.target.checked)} ...${given} />`;
    case "choice":
      return html`<select value=${setting.value} onChange=${(event) => onSave(event.target.value)} ...${given}>
        ${setting.choices.map(([value, text]) => html`<option value=${value} selected=${value === setting.value}>${text}</option>`)}
      </select>`;
    case "secret":
      return html`<output id=${id} class="secret" aria-describedby=${about}>${setting.is_set ? `Set in ${setting.source === "settings file" ? "the settings file" : setting.pinned}` : "Not set"}</output>`;
    default:
      return html`<${Text} setting=${setting} given=${given} onSave=${onSave} />`;
  }
}

/** A text, a number or a list; saved when it is left, or with Enter. Nothing in it means the default. */
function Text({ setting, given, onSave }) {
  const current = Array.isArray(setting.value) ? setting.value.join(", ") : String(setting.value ?? "");
  const [text, setText] = useState(current);
  useEffect(() => setText(current), [current]);
  const save = () => {
    const value = text.trim();
    if (value !== current) {
      onSave(value === "" ? null : setting.kind === "list" ? value.split(",").map((item) => item.trim()).filter(Boolean) : value);
    }
  };
  const press = (event) => {
    if (event.key === "Enter") {
      save();
    } else if (event.key === "Escape") {
      setText(current);
    }
  };
  const hint = setting.kind === "list" ? "none" : setting.expects.includes("as in ") ? `as in ${setting.expects.split("as in ")[1]}` : "";
  return html`<span class="setting-text-input">
    <input type="text" inputmode=${setting.kind === "number" ? "decimal" : undefined} spellcheck=${false} autocomplete="off" placeholder=${hint} value=${text}
      onInput=${(event) => setText(event.target.value)} onBlur=${save} onKeyDown=${press} ...${given} />
    ${setting.unit && html`<span class="quiet">${setting.unit}</span>`}
  </span>`;
}
