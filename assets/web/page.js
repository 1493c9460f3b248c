"use strict";

// The page's buttons, its field for the access key, and the ticket with which the app opens it.

const KEPT = "drawbridge-token";
const byId = (name) => document.getElementById(name);
const token = (page) => page.querySelector('meta[name="drawbridge-token"]')?.content;

function show(text) {
  byId("outcome").textContent = text;
  byId("outcome").hidden = false;
}

async function copyAddress() {
  try {
    await navigator.clipboard.writeText(byId("base-url").textContent);
    byId("copy").textContent = "Copied";
    setTimeout(() => { byId("copy").textContent = "Copy"; }, 2000);
  } catch {
    getSelection().selectAllChildren(byId("base-url"));
  }
}

function ask(stop) {
  stop.textContent = "Really stop?";
  stop.dataset.confirming = "yes";
  setTimeout(() => {
    if (!stop.disabled) {
      stop.textContent = "Stop Drawbridge";
      delete stop.dataset.confirming;
    }
  }, 4000);
}

async function post(path, headers) {
  const reply = await fetch(path, {
    method: "POST",
    headers: { "Content-Type": "application/json", ...headers },
    body: "{}",
  });
  const answer = await reply.json();
  if (!reply.ok) {
    throw new Error(answer.error.message);
  }
  return answer;
}

async function stopServer(stop) {
  stop.disabled = true;
  try {
    await post("/control/stop", { "x-drawbridge-token": token(document) });
    byId("state").textContent = "Stopped";
    byId("state").className = "state stopped";
    stop.hidden = true;
    show("Drawbridge has stopped. Start it again from its icon, or with the command 'drawbridge'.");
  } catch (error) {
    stop.disabled = false;
    show(`Couldn't stop it: ${error.message}`);
  }
}

// Replaces the page by the one that the server sends with these headers; returns whether that one shows all.
async function unlock(headers) {
  const reply = await fetch("/", { headers: { Accept: "text/html", ...headers }, cache: "no-store" });
  const page = new DOMParser().parseFromString(await reply.text(), "text/html");
  if (!reply.ok || page.getElementById("unlock")) {
    return false;
  }
  document.querySelector("main").replaceWith(document.adoptNode(page.querySelector("main")));
  const meta = page.querySelector('meta[name="drawbridge-token"]');
  if (meta) {
    document.head.append(document.adoptNode(meta));
    sessionStorage.setItem(KEPT, meta.content);
  }
  listen();
  return true;
}

async function enterKey(event) {
  event.preventDefault();
  const key = byId("key").value.trim();
  try {
    if (!(await unlock({ Authorization: `Bearer ${key}` }))) {
      show("The access key is wrong.");
    }
  } catch (error) {
    show(error instanceof TypeError ? "The access key is wrong, or Drawbridge does not answer." : error.message);
  }
}

function listen() {
  const stop = byId("stop");
  byId("copy").addEventListener("click", copyAddress);
  byId("unlock")?.addEventListener("submit", enterKey);
  stop?.addEventListener("click", () => (stop.dataset.confirming ? stopServer(stop) : ask(stop)));
}

async function start() {
  listen();
  const ticket = location.hash.startsWith("#open=") ? location.hash.slice("#open=".length) : null;
  if (ticket) {
    // Out of the address bar and the history.
    history.replaceState(null, "", location.pathname);
  }
  if (!byId("unlock")) {
    return;
  }
  try {
    if (ticket) {
      sessionStorage.setItem(KEPT, (await post("/control/open", { "x-drawbridge-ticket": ticket })).token);
    }
    const kept = sessionStorage.getItem(KEPT);
    if (kept && !(await unlock({ "x-drawbridge-token": kept }))) {
      sessionStorage.removeItem(KEPT);
    }
  } catch (error) {
    show(error.message);
  }
}

start();
