/** The parts every view is made of: a headline, sections, and what is said when there is nothing or it went wrong. */

import { el, fill } from "./dom.js";
import { address } from "./place.js";

const main = () => document.querySelector("main");

/** Show a view: its title, the address of its data as JSON, and its content. */
export function show({ title, data, content }) {
  document.title = title ? `${title} · akastats` : "akastats";
  const link = document.querySelector("#data");
  link.hidden = !data;
  if (data) link.href = data;
  main().removeAttribute("aria-busy");
  fill(main(), content);
}

/** Return a view's head: a headline, what stands beside it, and a line of facts below. */
export function head(title, { kicker = null, beside = null, below = null } = {}) {
  const line = el("div", { class: "headline" }, el("h1", {}, title), beside);
  return el(
    "header",
    { class: "head" },
    kicker && el("p", { class: "kicker" }, kicker),
    line,
    below && el("div", { class: "facts" }, below),
  );
}

/** Return a section with its heading; `id` makes it a place to link to. */
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

/** Return what is said where there is nothing. */
export function nothing(title, ...words) {
  return el(
    "div",
    { class: "nothing" },
    el("p", { class: "title" }, title),
    words.length ? el("p", {}, words) : null,
  );
}

/** Return what is said where no run was ever recorded. */
export function noRuns() {
  return el(
    "div",
    { class: "nothing first" },
    el("p", { class: "title" }, "No run is recorded here yet"),
    el("p", {}, "Record one in a project that this server belongs to:"),
    el("pre", {}, el("code", {}, "pytest --akastats")),
    el(
      "p",
      {},
      "It shows here while it runs. History that a CI kept as JUnit XML comes in with ",
      el("code", {}, "akastats import report.xml"),
      ".",
    ),
  );
}

/** Return what is said where a question was not answered. */
export function failure(error) {
  if (error.status === 401)
    return nothing("Please log in", el("a", { href: location.href }, "Log in with a token"), " to see this.");
  if (error.status === 403) return nothing("Not allowed with this token", error.message);
  if (error.status === 404) return nothing("Not found", error.message);
  return el(
    "div",
    { class: "nothing", role: "alert" },
    el("p", { class: "title" }, "This could not be loaded"),
    el("p", {}, error.message),
    el("p", {}, el("a", { href: address("api/v1/health") }, "The service's health")),
  );
}

/** Return a place that fills itself when its promise is kept, or says why not. */
export function later(promise, draw) {
  const place = el("div", { class: "later", "aria-busy": "true" });
  promise
    .then(
      (value) => fill(place, draw(value)),
      (error) => fill(place, failure(error)),
    )
    .catch((error) => {
      fill(place, failure(error));
      console.error(error);
    })
    .finally(() => place.removeAttribute("aria-busy"));
  return place;
}

/** Return pairs of name and value as a list; those without a value are left out. */
export function facts(pairs) {
  const told = pairs.filter(([, value]) => value !== null && value !== undefined && value !== "");
  return el(
    "dl",
    { class: "pairs" },
    told.map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value))),
  );
}
