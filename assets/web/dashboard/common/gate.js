// Asks for the access key where one is required and the page has no token.

import { html, useEffect, useRef, useState } from "/assets/vendor/preact-htm.js";
import { openSession } from "./api.js";
import { Button, Field } from "./ui.js";

export function Gate({ trouble, onOpen }) {
  const [error, setError] = useState(trouble);
  const [isBusy, setBusy] = useState(false);
  const form = useRef(null);
  useEffect(() => form.current.elements.key.focus(), []);
  const open = async (event) => {
    event.preventDefault();
    // Not kept: the page gets a token of its own.
    const key = event.target.elements.key.value.trim();
    setBusy(true);
    try {
      await openSession({ key });
      onOpen();
    } catch (problem) {
      // A key of characters that no header carries.
      setError(problem instanceof TypeError ? "The access key is wrong." : problem.message);
      setBusy(false);
    }
  };
  return html`<main class="gate">
    <div class="brand"><img src="/assets/icon.svg" alt="" width="48" height="48" /><h1>Drawbridge</h1></div>
    <form class="card" id="unlock" ref=${form} onSubmit=${open}>
      <${Field} label="Access key" type="password" id="key" name="key" autocomplete="off" spellcheck=${false} required
        hint="This server requires an access key. Opening this page from Drawbridge's menu needs none."
        error=${error} />
      <${Button} kind="primary" type="submit" busy=${isBusy}>Open<//>
    </form>
    <p class="hint">Base URL for your apps: <code>${location.origin}/v1</code> · <a href="/manual">Manual</a></p>
  </main>`;
}
