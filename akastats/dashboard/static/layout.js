/** Structure of a page: title, header, sections, definition lists. */

import { el, setContent } from "./dom.js";

const mainElement = () => document.querySelector("main");

/** Show a view: set the title, the link to its JSON, and the content. */
export function showPage({ title, data, content }) {
  document.title = title ? `${title} · akastats` : "akastats";
  const link = document.querySelector("#data");
  link.hidden = !data;
  if (data) link.href = data;
  mainElement().removeAttribute("aria-busy");
  setContent(mainElement(), content);
}

/** Return the header of a page: the headline, elements at its right, and a line of facts. */
export function pageHeader(title, { kicker = null, beside = null, below = null } = {}) {
  const line = el("div", { class: "headline" }, el("h1", {}, title), beside);
  return el(
    "header",
    { class: "head" },
    kicker && el("p", { class: "breadcrumb" }, kicker),
    line,
    below && el("div", { class: "facts" }, below),
  );
}

/** Return a section with a heading; `id` is its anchor. */
export function section(title, { id = null, note = null, beside = null } = {}, ...content) {
  const line = el(
    "div",
    { class: "headline" },
    el("h2", {}, title),
    note && el("p", { class: "note" }, note),
    beside,
  );
  return el("section", { id }, line, content);
}

/** Return a definition list of `[name, value]` pairs; omit pairs without a value. */
export function definitionList(pairs) {
  const present = pairs.filter(([, value]) => value !== null && value !== undefined && value !== "");
  return el(
    "dl",
    { class: "pairs" },
    present.map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value))),
  );
}
