/** Keyboard shortcuts: `/` search, `g` and a letter for a view, `j` and `k` to move by row, `?` for help. */

import { viewUrl } from "./urls.js";

const VIEWS = {
  o: viewUrl.overview,
  t: viewUrl.tests,
  f: viewUrl.flaky,
  l: viewUrl.slower,
  u: viewUrl.speedUp,
  e: viewUrl.errors,
  s: viewUrl.stats,
};

const PREFIX_MS = 1200;
const ROWS = "tbody tr, details.failure, article.change-card";

let prefixTime = 0;

/** Listen to keys, except in input fields. */
export function initKeyboard() {
  const help = document.querySelector("#keys");
  document.querySelector("#help").addEventListener("click", () => help.showModal());
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    if (document.querySelector("dialog[open]")) return;
    if (handleKey(event.key, help)) event.preventDefault();
  });
}

function handleKey(key, help) {
  if (key === "/") return focusElement(document.querySelector("main input[type=search]"));
  if (key === "?") return help.showModal() ?? true;
  if (key === "j" || key === "k") return moveFocus(key === "j" ? 1 : -1);
  if (key in VIEWS && Date.now() - prefixTime < PREFIX_MS) return location.assign(VIEWS[key]()) ?? true;
  if (key === "g") prefixTime = Date.now();
  return false;
}

/** Move the focus to the first link of the next or previous row. */
function moveFocus(step) {
  const links = [...document.querySelectorAll(`main :is(${ROWS})`)]
    .map((row) => row.querySelector("a, summary"))
    .filter((link) => link && link.checkVisibility());
  const row = document.activeElement?.closest(ROWS);
  const current = links.findIndex((link) => row?.contains(link));
  return focusElement(
    links[
      current < 0 ? (step > 0 ? 0 : links.length - 1) : Math.min(links.length - 1, Math.max(0, current + step))
    ],
  );
}

function focusElement(element) {
  element?.focus();
  element?.scrollIntoView({ block: "nearest" });
  return Boolean(element);
}

function isTyping(element) {
  return element.matches?.("input, textarea, select, [contenteditable]");
}
