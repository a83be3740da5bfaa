/** Differences between two runs: newly failing, fixed, slower, faster, added, removed, within noise. */

import { badge } from "./badge.js";
import { el } from "./dom.js";
import { formatDuration, pluralize } from "./format.js";
import { testLink } from "./links.js";
import { changeCell } from "./slowest-tables.js";
import { expandableTable } from "./table.js";

const FIRST_SHOWN = 10;

const DIFFERENCES = [
  ["newly_failing", "Newly failing"],
  ["fixed", "Fixed"],
  ["slower", "Slower"],
  ["faster", "Faster"],
  ["added", "Added"],
  ["removed", "Removed"],
  ["noise", "Within noise"],
];

/** Return one table per kind of difference; `all` shows all rows at once. */
export function differenceTables(comparison, suite, { all = false } = {}) {
  const lists = DIFFERENCES.filter(([name]) => Array.isArray(comparison[name]) && comparison[name].length);
  const counts = DIFFERENCES.filter(([name]) => typeof comparison[name] === "number" && comparison[name] > 0);
  const remarks = counts.map(([name, title]) =>
    pluralize(comparison[name], `test ${title.toLowerCase()}`, `tests ${title.toLowerCase()}`),
  );
  if (!lists.length)
    return el(
      "p",
      { class: "all-clear" },
      remarks.length
        ? `${remarks.join(", ")}; no other differences.`
        : "No differences in tests, outcomes or durations.",
    );
  return el(
    "div",
    { class: "differences" },
    lists.map(([name, title]) => differenceTable(title, comparison[name], suite, all)),
    remarks.length > 0 && el("p", { class: "note" }, remarks.join(", ")),
  );
}

function differenceTable(title, rows, suite, all) {
  const columns = COLUMNS[title] ?? outcomeColumns;
  const heading = el("h3", { title: HINTS[title] }, title, el("span", { class: "current" }, rows.length));
  const table = expandableTable({
    caption: title,
    rows,
    columns: columns(suite),
    firstRows: all ? rows.length : FIRST_SHOWN,
  });
  return el("div", { class: "difference" }, heading, table);
}

const HINTS = {
  "Within noise": "differences within the normal variation of a test, or without enough history to decide",
};

const COLUMNS = { Slower: durationColumns, Faster: durationColumns, "Within noise": noiseColumns };

function noiseColumns(suite) {
  const [test, before, now, took] = outcomeColumns(suite);
  return [
    test,
    before,
    now,
    { ...took, title: "Duration before", cell: (row) => formatDuration(row.base_seconds) },
    took,
  ];
}

function durationColumns(suite) {
  return [
    { title: "Test", grow: true, cell: (row) => testLink(row.nodeid, suite) },
    { title: "Before", number: true, wide: true, cell: (row) => formatDuration(row.base_seconds) },
    { title: "Now", number: true, cell: (row) => formatDuration(row.seconds) },
    { title: "", number: true, cell: (row) => changeCell(row.seconds, row.base_seconds) },
  ];
}

function outcomeColumns(suite) {
  return [
    { title: "Test", grow: true, cell: (row) => testLink(row.nodeid, suite) },
    { title: "Before", wide: true, cell: (row) => row.base_outcome && badge(row.base_outcome, { small: true }) },
    { title: "Now", cell: (row) => row.outcome && badge(row.outcome, { small: true }) },
    {
      title: "Duration",
      number: true,
      wide: true,
      cell: (row) => formatDuration(row.seconds ?? row.base_seconds),
    },
  ];
}
