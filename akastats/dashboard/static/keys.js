/** The keyboard: `/` to the filter, `g` and a letter to a view, `j` and `k` along the rows, `?` says so. */

import { to } from "./place.js";

const VIEWS = {
  o: to.overview,
  t: to.tests,
  f: to.flaky,
  l: to.slower,
  e: to.errors,
  s: to.stats,
};
const WAIT_MS = 1200;
const ROWS = "tbody tr, details.failure, article.move";

let went = 0;

/** Listen to keys, except where one types. */
export function keys() {
  const help = document.querySelector("#keys");
  document.querySelector("#help").addEventListener("click", () => help.showModal());
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    if (document.querySelector("dialog[open]")) return;
    if (acted(event.key, help)) event.preventDefault();
  });
}

function acted(key, help) {
  if (key === "/") return focused(document.querySelector("main input[type=search]"));
  if (key === "?") return help.showModal() ?? true;
  if (key === "j" || key === "k") return stepped(key === "j" ? 1 : -1);
  if (key in VIEWS && Date.now() - went < WAIT_MS) return location.assign(VIEWS[key]()) ?? true;
  if (key === "g") went = Date.now();
  return false;
}

/** Move the focus from row to row, by each one's first link. */
function stepped(by) {
  const links = [...document.querySelectorAll(`main :is(${ROWS})`)]
    .map((row) => row.querySelector("a, summary"))
    .filter((link) => link && link.checkVisibility());
  const row = document.activeElement?.closest(ROWS);
  const at = links.findIndex((link) => row?.contains(link));
  return focused(
    links[at < 0 ? (by > 0 ? 0 : links.length - 1) : Math.min(links.length - 1, Math.max(0, at + by))],
  );
}

function focused(element) {
  element?.focus();
  element?.scrollIntoView({ block: "nearest" });
  return Boolean(element);
}

function isTyping(element) {
  return element.matches?.("input, textarea, select, [contenteditable]");
}
