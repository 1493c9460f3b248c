"use strict";

// Starts Swagger UI with this server's OpenAPI document, in the colours of the system.

const dark = matchMedia("(prefers-color-scheme: dark)");
const colour = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
colour();
dark.addEventListener("change", colour);

// A link within the button that opens an operation would be a control within a control.
const plainNames = (system) => ({
  components: { DeepLink: ({ text }) => system.React.createElement("span", null, text) },
});

// Swagger UI gives these no names that screen readers could read out.
const NAMES = [
  ["select.examples-select-element", "Example"],
  ["textarea.body-param__text", "Request body"],
  [".copy-to-clipboard button", "Copy"],
  ["button.close-modal", "Close"],
];

function name() {
  for (const [selector, text] of NAMES) {
    for (const element of document.querySelectorAll(`${selector}:not([aria-label])`)) {
      element.setAttribute("aria-label", text);
    }
  }
  // Their text says it; another name would hide it from voice control.
  for (const button of document.querySelectorAll(".auth-btn-wrapper [aria-label]")) button.removeAttribute("aria-label");
  // Code that scrolls must be reachable by keyboard.
  for (const scrolled of document.querySelectorAll(".microlight:not([tabindex])")) scrolled.tabIndex = 0;
}

new MutationObserver(name).observe(document.getElementById("swagger"), { childList: true, subtree: true });

SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#swagger",
  deepLinking: true,
  defaultModelsExpandDepth: -1,
  displayRequestDuration: true,
  validatorUrl: null,
  plugins: [plainNames],
});
