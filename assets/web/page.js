"use strict";

// The copy button, and the stop button, which asks for confirmation.

const state = document.getElementById("state");
const outcome = document.getElementById("outcome");
const copy = document.getElementById("copy");
const stop = document.getElementById("stop");
const token = document.querySelector('meta[name="drawbridge-token"]');

function show(text) {
  outcome.textContent = text;
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
  stop.dataset.confirming = "yes";
  setTimeout(() => {
    if (!stop.disabled) {
      stop.textContent = "Stop Drawbridge";
      delete stop.dataset.confirming;
    }
  }, 4000);
}

async function stopServer() {
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
    show("Drawbridge has stopped. Start it again from its icon, or with the command 'drawbridge'.");
  } catch (error) {
    stop.disabled = false;
    show(`Couldn't stop it: ${error.message}`);
  }
}

if (stop && token) {
  stop.addEventListener("click", () => (stop.dataset.confirming ? stopServer() : ask()));
}
