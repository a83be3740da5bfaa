/** View of all errors: failures grouped by fingerprint over all runs. */

import { el } from "./dom.js";
import { firstLine } from "./failures.js";
import { ageElement } from "./fields.js";
import { searchField, selectField } from "./filters.js";
import { formatNumber } from "./format.js";
import { pageHeader, showPage } from "./layout.js";
import { emptyMessage } from "./messages.js";
import { pagedList } from "./paged-list.js";
import { apiUrl, viewUrl } from "./urls.js";

const DAY_S = 86_400;

/** Show the list of errors. */
export async function view() {
  const header = pageHeader("Errors", { below: "Failures of all runs, grouped by exception and location." });
  showPage({ title: "Errors", data: apiUrl.path("errors"), content: [header, errorList()] });
}

function errorList() {
  return pagedList({
    path: "errors",
    noun: "error",
    sort: "-last_seen",
    controls: [searchField("q", "Filter by exception, message or frame"), lastSeenFilter()],
    columns,
    empty: (isFiltered) =>
      isFiltered
        ? emptyMessage("No matching errors")
        : emptyMessage("No failures yet"),
  });
}

// The page's URL contains a number of days; the API expects a time.
function lastSeenFilter() {
  const control = selectField(
    "since",
    "Last seen",
    [
      ["1", "last day"],
      ["7", "last 7 days"],
      ["30", "last 30 days"],
    ],
    "any time",
  );
  return {
    ...control,
    queryValue: control.value,
    value: () => (control.value() ? Math.floor(Date.now() / 1000 - control.value() * DAY_S) : ""),
  };
}

const columns = [
  { title: "Error", grow: true, cell: (error) => errorCell(error) },
  { title: "Last seen", sort: "last_seen", number: true, cell: (error) => ageElement(error.last_seen) },
  {
    title: "First seen",
    sort: "first_seen",
    number: true,
    wide: true,
    cell: (error) => ageElement(error.first_seen),
  },
  { title: "Failures", sort: "count", number: true, cell: (error) => formatNumber(error.count) },
  { title: "Runs", sort: "runs", number: true, wide: true, cell: (error) => formatNumber(error.runs) },
  { title: "Tests", sort: "tests", number: true, wide: true, cell: (error) => formatNumber(error.tests) },
];

function errorCell({ fingerprint, exception, message, frames }) {
  return el(
    "div",
    { class: "subject" },
    el("a", { href: viewUrl.error(fingerprint) }, el("b", {}, exception ?? "unknown exception")),
    message && el("span", { class: "message" }, firstLine(message)),
    frames?.length > 0 && el("div", { class: "note" }, el("code", {}, frames.at(-1))),
  );
}
