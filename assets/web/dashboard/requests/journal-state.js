// Says that requests are not kept, and why.

import { html } from "/assets/vendor/preact-htm.js";
import { Notice } from "../common/ui.js";

/** `state` as the journal's routes report it: {days, trouble}. */
export function JournalState({ state }) {
  if (state.days === 0) {
    return html`<${Notice} kind="info" title="Requests are not kept.">
      The setting <code>journal_days</code> is 0. Set it to a number of days, and requests are listed from then on.
    <//>`;
  }
  return state.trouble
    ? html`<${Notice} kind="warn" title="Requests are answered but not listed.">${state.trouble}. Check the data folder; 'drawbridge doctor' names it.<//>`
    : null;
}
