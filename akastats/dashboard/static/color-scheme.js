/** Color scheme: light, dark, or that of the system (default). The choice is stored in the browser. */

import { redrawCharts } from "./chart.js";

const NAMES = { "": "system", light: "light", dark: "dark" };
const NEXT = { "": "light", light: "dark", dark: "" };

/** Apply the stored color scheme, and change it when the button in the header is pressed. */
export function initColorScheme() {
  const button = document.querySelector("#scheme");
  const apply = (name) => {
    document.documentElement.dataset.scheme = name;
    const title = `Color scheme: ${NAMES[name]}`;
    button.setAttribute("aria-label", title);
    button.title = title;
  };
  apply(savedScheme());
  button.addEventListener("click", () => {
    const name = NEXT[savedScheme()];
    localStorage.setItem("akastats-scheme", name);
    apply(name);
    redrawCharts();
  });
}

function savedScheme() {
  const name = localStorage.getItem("akastats-scheme") ?? "";
  return name in NAMES ? name : "";
}
