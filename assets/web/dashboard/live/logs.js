// Logs: the last lines of the log, as they are written.

import { html, useEffect, useMemo, useRef, useState } from "/assets/vendor/preact-htm.js";
import { api } from "../common/api.js";
import { useEvents } from "../common/events.js";
import { Button, Card, Code, Copy, Empty, Field, Notice, Select, clock } from "../common/ui.js";

const MOST = 1000;
const LEVELS = ["debug", "info", "warning", "error"];
const NAMES = [["debug", "All"], ["info", "Info and above"], ["warning", "Warnings and errors"], ["error", "Errors only"]];
const rank = (level) => (level === "critical" ? 3 : LEVELS.indexOf(level));

export function Logs() {
  const [log, setLog] = useState({ lines: [], folder: null, trouble: "" });
  const [level, setLevel] = useState("debug");
  const [text, setText] = useState("");
  const [frozen, setFrozen] = useState(null);
  // The lines that come while the earlier ones are loaded; null at all other times.
  const early = useRef(null);
  const load = async () => {
    if (early.current) {
      return;
    }
    early.current = [];
    try {
      const { data, folder } = await api("GET", "/control/logs");
      // Lines that came meanwhile may be in the reply already.
      const known = new Set(data.map(same));
      const newer = early.current.filter((line) => !known.has(same(line)));
      setLog({ lines: [...data, ...newer], folder, trouble: "" });
    } catch (error) {
      setLog((before) => ({ ...before, trouble: `The log cannot be read: ${error.message}` }));
    }
    early.current = null;
  };
  useEffect(() => void load(), []);
  useEvents((kind, data) => {
    if (kind === "hello" && !data.is_resumed) {
      load();
    } else if (kind === "log" && early.current) {
      early.current.push(data);
    } else if (kind === "log") {
      setLog((before) => ({ ...before, lines: [...before.lines, data].slice(-MOST) }));
    }
  });
  const lines = frozen ?? log.lines;
  const shown = useMemo(() => lines.filter((line) => matches(line, rank(level), text.trim().toLowerCase())), [lines, level, text]);
  return html`<div class="stack">
    ${log.trouble && html`<${Notice} kind="bad">${log.trouble}<//>`}
    <${Card}>
      <div class="log-bar">
        <${Select} label="Level" options=${NAMES} value=${level} onChange=${setLevel} />
        <${Field} label="Find" type="search" placeholder="Text, module or request id" value=${text} onInput=${setText} />
        <div class="row">
          <${Button} aria-pressed=${frozen !== null} onClick=${() => setFrozen(frozen ? null : log.lines)}>${frozen ? "Continue" : "Pause"}<//>
          <${Copy} label="Copy these lines" text=${() => shown.map(asText).join("\n")} />
        </div>
      </div>
      <${Lines} lines=${shown} isFiltered=${shown.length < lines.length} />
      <p class="hint">${counted(shown.length, lines.length)}${frozen ? ` Paused: ${Math.max(0, log.lines.length - frozen.length)} newer lines wait.` : ""}</p>
    <//>
    <div class="grid">
      <${Diagnostics} />
      ${log.folder && html`<${Card} title="Log folder" hint="The whole log. In the menu of the icon, 'Open log folder' opens it."><${Code} text=${log.folder} name="Copy the folder" /><//>`}
    </div>
  </div>`;
}

/** The lines, newest last. They scroll along until the reader scrolls up. */
function Lines({ lines, isFiltered }) {
  const box = useRef(null);
  const follows = useRef(true);
  const top = useRef(0);
  useEffect(() => {
    if (follows.current && box.current) {
      box.current.scrollTop = box.current.scrollHeight;
    }
  }, [lines]);
  if (!lines.length) {
    return html`<${Empty} title=${isFiltered ? "No line matches." : "Nothing is logged yet."} />`;
  }
  // A reader who scrolls up is let go before the next line comes, and followed again at the end.
  const leave = (event) => {
    if (event.deltaY < 0 || ["ArrowUp", "PageUp", "Home"].includes(event.key)) {
      follows.current = false;
    }
  };
  const scrolled = ({ target }) => {
    const isDown = target.scrollTop >= top.current;
    const isAtEnd = target.scrollHeight - target.scrollTop - target.clientHeight < 24;
    follows.current = isDown ? follows.current || isAtEnd : false;
    top.current = target.scrollTop;
  };
  return html`<div class="log" role="log" aria-live="off" aria-label="Log" tabindex="0" ref=${box} onScroll=${scrolled} onWheel=${leave} onKeyDown=${leave}>
    ${lines.map(
      (line, at) => html`<div key=${at} class="line ${line.level}">
        <time>${clock(line.time, true)}</time><span class="level">${line.level}</span>
        <span class="message">${line.message}</span>
        <span class="origin" title="${line.logger} ${line.request_id}">${line.logger.split(".").at(-1)}${line.request_id && ` ${line.request_id.slice(-6)}`}</span>
      </div>`,
    )}
  </div>`;
}

function Diagnostics() {
  const text = async () => (await api("GET", "/control/diagnostics")).text;
  return html`<${Card} title="Diagnostics" hint="What Drawbridge finds on this computer, for a bug report. It contains no keys, addresses or names. This takes a few seconds.">
    <${Copy} label="Copy diagnostics" text=${text} />
  <//>`;
}

const same = (line) => `${line.time} ${line.logger} ${line.message}`;
const counted = (some, all) => (some === all ? `${all} lines.` : `${some} of ${all} lines.`);

function matches(line, least, words) {
  return rank(line.level) >= least && (!words || `${line.message} ${line.logger} ${line.request_id}`.toLowerCase().includes(words));
}

function asText(line) {
  return `${new Date(line.time * 1000).toISOString()} ${line.level.toUpperCase()} [${line.request_id || "-"}] ${line.logger}: ${line.message}`;
}
