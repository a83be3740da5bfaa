/** Light or dark: the system's, unless somebody chose here. */

import { redrawAll } from "./chart.js";

const NAMES = { "": "as the system", light: "light", dark: "dark" };
const NEXT = { "": "light", light: "dark", dark: "" };

/** Let the button in the header change the colour scheme. */
export function scheme() {
  const button = document.querySelector("#scheme");
  const apply = (name) => {
    document.documentElement.dataset.scheme = name;
    const told = `Colours: ${NAMES[name]}`;
    button.setAttribute("aria-label", told);
    button.title = told;
  };
  apply(remembered());
  button.addEventListener("click", () => {
    const name = NEXT[remembered()];
    localStorage.setItem("akastats-scheme", name);
    apply(name);
    redrawAll();
  });
}

function remembered() {
  const name = localStorage.getItem("akastats-scheme") ?? "";
  return name in NAMES ? name : "";
}
