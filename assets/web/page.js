"use strict";

// The page has a copy button and, for whoever may, a stop button that asks once more before it acts.

const state = document.getElementById("state");
const outcome = document.getElementById("outcome");
const copy = document.getElementById("copy");
const stop = document.getElementById("stop");
const token = document.querySelector('meta[name="drawbridge-token"]');

function say(words) {
  outcome.textContent = words;
  outcome.hidden = false;
}

copy.addEventListener("click", async () => {
  const address = document.getElementById("base-url").textContent;
  try {
    await navigator.clipboard.writeText(address);
    copy.textContent = "Copied";
    setTimeout(() => { copy.textContent = "Copy"; }, 2000);
  } catch {
    getSelection().selectAllChildren(document.getElementById("base-url"));
  }
});

function ask() {
  stop.textContent = "Really stop?";
  stop.dataset.asked = "yes";
  setTimeout(() => {
    if (!stop.disabled) {
      stop.textContent = "Stop Drawbridge";
      delete stop.dataset.asked;
    }
  }, 4000);
}

async function pull() {
  stop.disabled = true;
  try {
    const reply = await fetch("/control/stop", {
      method: "POST",
      headers: { "Content-Type": "application/json", "x-drawbridge-token": token.content },
      body: "{}",
    });
    if (!reply.ok) {
      throw new Error((await reply.json()).error.message);
    }
    state.textContent = "Stopped";
    state.className = "state stopped";
    stop.hidden = true;
    say("Drawbridge has been stopped. Start it again from its icon, or with the command 'drawbridge'.");
  } catch (error) {
    stop.disabled = false;
    say(`It could not be stopped: ${error.message}`);
  }
}

if (stop && token) {
  stop.addEventListener("click", () => (stop.dataset.asked ? pull() : ask()));
}
