// Paid extra usage, which answers while the plan is used up.

import { html, useState } from "/assets/vendor/preact-htm.js";
import { api } from "../common/api.js";
import { Button, Confirm, Notice, moment } from "../common/ui.js";

/** Nothing before the first answer of a plan. */
export function ExtraUsage({ extra }) {
  const [error, setError] = useState("");
  if (!extra) {
    return null;
  }
  if (extra.state !== "in use") {
    return html`<p class="extra-usage quiet">Paid extra usage: ${extra.state}</p>`;
  }
  const until = extra.resets_at ? ` until the plan resets (${moment(extra.resets_at)})` : "";
  const ask = (method) => () => api(method, "/control/extra-usage", method === "POST" ? {} : undefined).then(() => setError(""), (failure) => setError(failure.message));
  return html`<div class="extra-usage">${
    extra.is_stopped
      ? html`<${Notice} kind="bad" title="The plan is used up." actions=${html`<${Confirm} label="Go on and pay" question="Go on and pay" name="Go on and pay for extra usage" onConfirm=${ask("POST")} />`}>
          Requests are refused${until}. The settings stop before paid extra usage. ${error}
        <//>`
      : html`<${Notice} kind="warn" title="Paid extra usage is in use${extra.is_near_limit ? ", and near its limit" : ""}." actions=${extra.is_allowed && html`<${Button} onClick=${ask("DELETE")}>Stop again<//>`}>
          Answers cost money beside the plan${until}. ${error} ${extra.is_allowed ? null : html`<a href="#settings">Stop instead</a>`}
        <//>`
  }</div>`;
}
