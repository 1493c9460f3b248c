// Playground: a conversation with a model over the public API, so it is also a test of the server.

import { html, useEffect, useRef, useState } from "/assets/vendor/preact-htm.js";
import { asCurl, asPython, ask, bodyOf, models } from "./chat.js";
import { Button, Card, Copy, Empty, Field, Notice, Select, milliseconds, number } from "../common/ui.js";

const EFFORTS = [["", "The model's default"], "low", "medium", "high", "xhigh", "max"];
const MOST_PICTURES = 8;
const MOST_BYTES = 10_000_000;
// Why an answer ended early, by the API's name for it.
const ENDINGS = { length: "it reached its longest length", content_filter: "Claude declined to answer", error: "an error ended it", stopped: "stopped" };
// Kept while the page is open, also when another section is shown.
let kept = { model: "", effort: "", system: "", draft: "", pictures: [], turns: [] };

export function Playground({ live }) {
  const [state, setState] = useState(kept);
  const [choices, setChoices] = useState([]);
  const [answer, setAnswer] = useState(null);
  const [trouble, setTrouble] = useState("");
  const running = useRef(null);
  const change = (what) => {
    kept = { ...kept, ...what };
    setState(kept);
  };
  useEffect(() => {
    models().then(setChoices, (error) => setTrouble(error.message));
    return () => running.current?.abort();
  }, []);
  const model = state.model || live.status?.model || "sonnet";
  const request = (turns) => bodyOf({ model, effort: state.effort, system: state.system, turns });

  const send = async () => {
    const text = state.draft.trim();
    if (running.current || (!text && !state.pictures.length)) {
      return;
    }
    const turns = [...state.turns, { role: "user", text, pictures: state.pictures }];
    change({ turns, draft: "", pictures: [] });
    setTrouble("");
    const control = new AbortController();
    running.current = control;
    let last = null;
    const show = (now) => {
      last = now;
      setAnswer(now);
    };
    show({ text: "", thoughts: "", firstMs: null });
    try {
      await ask(request(turns), control.signal, show);
    } catch (error) {
      last = { ...last, finish: control.signal.aborted ? "stopped" : "error" };
      setTrouble(last.finish === "error" ? error.message : "");
    }
    running.current = null;
    setAnswer(null);
    if (last.text || last.thoughts) {
      change({ turns: [...turns, { role: "assistant", ...last }] });
    } else {
      if (last.finish !== "error" && last.finish !== "stopped") {
        setTrouble(`The answer has no text${ENDINGS[last.finish] ? `: ${ENDINGS[last.finish]}` : ""}.`);
      }
      // The question goes back where it can be sent again, before what was typed meanwhile.
      const { draft, pictures } = kept;
      change({ turns: state.turns, draft: [text, draft].filter(Boolean).join("\n"), pictures: [...turns.at(-1).pictures, ...pictures].slice(0, MOST_PICTURES) });
    }
  };

  const add = async (files) => {
    const found = [...files].filter((file) => file.type.startsWith("image/"));
    const tooLarge = found.find((file) => file.size > MOST_BYTES);
    setTrouble(tooLarge ? `${tooLarge.name || "The picture"} is larger than 10 MB.` : "");
    const pictures = await Promise.all(found.filter((file) => file.size <= MOST_BYTES).map(read));
    change({ pictures: [...kept.pictures, ...pictures].slice(0, MOST_PICTURES) });
  };
  const base = live.status?.base_url ?? `${location.origin}/v1`;
  const isKeyRequired = live.status?.key_required ?? false;
  const asked = state.turns.filter(({ role }) => role === "user");
  const toCopy = () => request(state.draft.trim() || !asked.length ? [...state.turns, { role: "user", text: state.draft.trim() || "Hello", pictures: state.pictures }] : state.turns.slice(0, state.turns.lastIndexOf(asked.at(-1)) + 1));

  return html`<div class="playground">
    <div class="stack">
      <section class="card talk" aria-label="Conversation">
        ${state.turns.length === 0 && !answer && html`<${Empty} title="Ask the model something.">It is answered over the same API that your apps use.<//>`}
        ${state.turns.map((turn, at) => html`<${Turn} key=${at} turn=${turn} />`)}
        ${answer && html`<${Turn} turn=${{ role: "assistant", ...answer }} isRunning />`}
      </section>
      ${trouble && html`<${Notice} kind="bad">${trouble}<//>`}
      <${Composer} draft=${state.draft} pictures=${state.pictures} isRunning=${answer !== null}
        onDraft=${(draft) => change({ draft })} onSend=${send} onStop=${() => running.current?.abort()} onFiles=${add}
        onRemove=${(gone) => change({ pictures: state.pictures.filter((picture) => picture !== gone) })} />
    </div>
    <${Card} title="Request">
      <div class="stack tight">
        <${Select} label="Model" options=${withCurrent(choices, model)} value=${model} onChange=${(chosen) => change({ model: chosen })} />
        <${Select} label="Effort" options=${EFFORTS} value=${state.effort} onChange=${(effort) => change({ effort })} />
        <${Field} label="System prompt" rows="4" value=${state.system} onInput=${(system) => change({ system })} />
        <div class="row">
          <${Copy} small text=${() => asCurl(toCopy(), base, isKeyRequired)} label="Copy as curl" />
          <${Copy} small text=${() => asPython(toCopy(), base, isKeyRequired)} label="Copy as Python" />
        </div>
        <div><${Button} small kind="quiet" disabled=${answer !== null || !state.turns.length} onClick=${() => change({ turns: [] })}>Start over<//></div>
      </div>
    <//>
  </div>`;
}

function withCurrent(choices, current) {
  const options = choices.map(({ id, name }) => [id, name === id ? id : `${name} (${id})`]);
  return options.some(([id]) => id === current) ? options : [[current, current], ...options];
}

const read = (file) =>
  new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve({ name: file.name || "Pasted picture", url: reader.result });
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(file);
  });

function Composer({ draft, pictures, isRunning, onDraft, onSend, onStop, onFiles, onRemove }) {
  const files = useRef(null);
  const press = (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      onSend();
    }
  };
  const paste = (event) => {
    if (event.clipboardData?.files.length) {
      event.preventDefault();
      onFiles(event.clipboardData.files);
    }
  };
  const drop = (event) => {
    event.preventDefault();
    onFiles(event.dataTransfer.files);
  };
  const choose = (event) => {
    onFiles(event.target.files);
    event.target.value = "";
  };
  return html`<div class="card composer" onDragOver=${(event) => event.preventDefault()} onDrop=${drop}>
    ${pictures.length > 0 && html`<ul class="pictures" aria-label="Pictures to send">${pictures.map(
      (picture) => html`<li><img src=${picture.url} alt=${picture.name} /><${Button} small aria-label=${`Remove ${picture.name}`} onClick=${() => onRemove(picture)}>×<//></li>`,
    )}</ul>`}
    <${Field} label="Your message" hint="Enter sends, Shift+Enter begins a new line. Pictures can be pasted." rows="3" value=${draft} onInput=${onDraft} onKeyDown=${press} onPaste=${paste} />
    <div class="row">
      ${isRunning ? html`<${Button} kind="danger" onClick=${onStop}>Stop<//>` : html`<${Button} kind="primary" onClick=${onSend}>Send<//>`}
      <${Button} onClick=${() => files.current.click()} disabled=${pictures.length >= MOST_PICTURES}>Add a picture<//>
      <input type="file" class="unseen" accept="image/png,image/jpeg,image/gif,image/webp" multiple tabindex="-1" aria-hidden="true" ref=${files} onChange=${choose} />
    </div>
  </div>`;
}

function Turn({ turn, isRunning = false }) {
  if (turn.role === "user") {
    return html`<div class="turn user"><h2>You</h2>
      ${turn.pictures?.length > 0 && html`<ul class="pictures">${turn.pictures.map((picture) => html`<li><img src=${picture.url} alt=${picture.name} /></li>`)}</ul>`}
      <p class="said">${turn.text}</p></div>`;
  }
  return html`<div class="turn" aria-busy=${isRunning || undefined}>
    <div class="turn-head"><h2>${turn.model || "Claude"}</h2>${!isRunning && turn.text && html`<${Copy} small kind="quiet" text=${turn.text} name="Copy the answer" />`}</div>
    ${turn.thoughts && html`<details class="thoughts" open=${isRunning && !turn.text}><summary>Thinking</summary><p class="said">${turn.thoughts}</p></details>`}
    ${isRunning && !turn.text && !turn.thoughts ? html`<p class="waiting">Waiting for the answer...</p>` : html`<p class="said">${turn.text}</p>`}
    ${!isRunning && html`<p class="turn-facts" role="status">${facts(turn).join(" · ")}</p>`}
  </div>`;
}

function facts(turn) {
  const { usage } = turn;
  const cached = usage?.prompt_tokens_details?.cached_tokens;
  return [
    ENDINGS[turn.finish],
    usage && `${number(usage.prompt_tokens)} tokens in${cached ? ` (${number(cached)} cached)` : ""}, ${number(usage.completion_tokens)} out`,
    turn.firstMs !== null && `first output after ${milliseconds(turn.firstMs)}`,
    turn.totalMs && `complete after ${milliseconds(turn.totalMs)}`,
    turn.way && `process: ${turn.way}`,
  ].filter(Boolean);
}
