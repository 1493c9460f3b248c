// The address of the page: #SECTION/PATH?QUERY, as in #requests/17 or #requests?status=failed.

import { useEffect, useState } from "/assets/vendor/preact-htm.js";

/** What a hash names: {section, path, query}. */
export function parse(hash) {
  const [address, query = ""] = hash.replace(/^#/, "").split("?", 2);
  const slash = address.indexOf("/");
  const section = slash < 0 ? address : address.slice(0, slash);
  return { section, path: slash < 0 ? "" : decoded(address.slice(slash + 1)), query: new URLSearchParams(query) };
}

/** The address of a section: `href("requests", {path: 17})`, `href("requests", {query: {app: "Talon"}})`. */
export function href(section, { path = "", query = {} } = {}) {
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== null && value !== "");
  const search = new URLSearchParams(given).toString();
  return `#${section}${path === "" ? "" : `/${encodeURIComponent(path)}`}${search && `?${search}`}`;
}

/** Goes to a section; `replace` leaves no entry in the history, as for a filter that changes while one types. */
export function go(section, where = {}, { replace = false } = {}) {
  if (replace) {
    history.replaceState(null, "", href(section, where));
    dispatchEvent(new HashChangeEvent("hashchange"));
  } else {
    location.hash = href(section, where);
  }
}

/** The current address, for a component. */
export function useRoute() {
  const [route, setRoute] = useState(() => parse(location.hash));
  useEffect(() => {
    const follow = () => setRoute(parse(location.hash));
    addEventListener("hashchange", follow);
    return () => removeEventListener("hashchange", follow);
  }, []);
  return route;
}

/** Takes the ticket of the menu out of the address bar and the history: #open=TICKET&section=connect. */
export function takeTicket() {
  if (!location.hash.startsWith("#open=")) {
    return null;
  }
  const given = new URLSearchParams(location.hash.slice(1));
  const section = given.get("section");
  history.replaceState(null, "", location.pathname + (section ? `#${section}` : ""));
  return given.get("open");
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
