/** Errors: what failed, as fingerprints over time. */

import { el } from "./dom.js";
import { number } from "./format.js";
import { firstLine } from "./failures.js";
import { choice, listing, search } from "./listing.js";
import { head, nothing, show } from "./parts.js";
import { api, to } from "./place.js";
import { age } from "./words.js";

const DAY = 86400;

/** Show the list of errors. */
export async function view() {
  show({ title: "Errors", data: api.of("errors"), content: [head("Errors"), every()] });
}

function every() {
  return listing({
    path: "errors",
    noun: "error",
    sort: "-last_seen",
    controls: [search("q", "Filter by class, message or frame"), since()],
    columns,
    empty: (isFiltered) =>
      isFiltered
        ? nothing("No error matches")
        : nothing(
            "Nothing has failed yet",
            "Failures are grouped here by what was raised and where, over all runs.",
          ),
  });
}

// In the address stands how many days, in the question the moment.
function since() {
  const control = choice(
    "since",
    "Last seen",
    [
      ["1", "the last day"],
      ["7", "the last week"],
      ["30", "the last 30 days"],
    ],
    "any time",
  );
  return {
    ...control,
    kept: control.value,
    value: () => (control.value() ? Math.floor(Date.now() / 1000 - control.value() * DAY) : ""),
  };
}

const columns = [
  { title: "Error", grow: true, cell: (error) => what(error) },
  { title: "Last seen", sort: "last_seen", number: true, cell: (error) => age(error.last_seen) },
  { title: "First seen", sort: "first_seen", number: true, wide: true, cell: (error) => age(error.first_seen) },
  { title: "Times", sort: "count", number: true, cell: (error) => number(error.count) },
  { title: "Runs", sort: "runs", number: true, wide: true, cell: (error) => number(error.runs) },
  { title: "Tests", sort: "tests", number: true, wide: true, cell: (error) => number(error.tests) },
];

function what({ fingerprint, exception, message, frames }) {
  return el(
    "div",
    { class: "what" },
    el("a", { href: to.error(fingerprint) }, el("b", {}, exception ?? "unknown")),
    message && el("span", { class: "message" }, firstLine(message)),
    frames?.length > 0 && el("div", { class: "note" }, el("code", {}, frames.at(-1))),
  );
}
