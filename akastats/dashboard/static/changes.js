/** What changed between two runs: newly failing, fixed, slower, faster, added, removed, within noise. */

import { el } from "./dom.js";
import { counted, duration } from "./format.js";
import { badge } from "./marks.js";
import { foldedTable } from "./table.js";
import { delta } from "./slow.js";
import { testLink } from "./words.js";

const SHOWN = 10;
const KINDS = [
  ["newly_failing", "Newly failing"],
  ["fixed", "Fixed"],
  ["slower", "Slower"],
  ["faster", "Faster"],
  ["added", "Added"],
  ["removed", "Removed"],
  ["noise", "Within noise"],
];

/** Return the kinds of change that there are, each as a table; `all` opens every row at once. */
export function changes(found, suite, { all = false } = {}) {
  const lists = KINDS.filter(([name]) => Array.isArray(found[name]) && found[name].length);
  const counts = KINDS.filter(([name]) => typeof found[name] === "number" && found[name] > 0);
  const told = counts.map(([name, title]) =>
    counted(found[name], `test ${title.toLowerCase()}`, `tests ${title.toLowerCase()}`),
  );
  if (!lists.length)
    return el(
      "p",
      { class: "well" },
      told.length
        ? `${told.join(", ")}; nothing else changed.`
        : "Nothing: the same tests, the same outcomes, and no duration beyond a test's own history.",
    );
  return el(
    "div",
    { class: "changes" },
    lists.map(([name, title]) => kind(title, found[name], suite, all)),
    told.length > 0 && el("p", { class: "note" }, told.join(", ")),
  );
}

function kind(title, rows, suite, all) {
  const columns = COLUMNS[title] ?? outcomes;
  const heading = el("h3", { title: HINTS[title] }, title, el("span", { class: "now" }, rows.length));
  const table = foldedTable({ caption: title, rows, columns: columns(suite), few: all ? rows.length : SHOWN });
  return el("div", { class: "change" }, heading, table);
}

const HINTS = { "Within noise": "differences that the tests' own history explains, or that no history can separate from noise" };
const COLUMNS = { Slower: timed, Faster: timed, "Within noise": both };

function both(suite) {
  const [test, before, now, took] = outcomes(suite);
  return [test, before, now, { ...took, title: "Took before", cell: (row) => duration(row.base_seconds) }, took];
}

function timed(suite) {
  return [
    { title: "Test", grow: true, cell: (row) => testLink(row.nodeid, suite) },
    { title: "Before", number: true, wide: true, cell: (row) => duration(row.base_seconds) },
    { title: "Now", number: true, cell: (row) => duration(row.seconds) },
    { title: "", number: true, cell: (row) => delta(row.seconds, row.base_seconds) },
  ];
}

function outcomes(suite) {
  return [
    { title: "Test", grow: true, cell: (row) => testLink(row.nodeid, suite) },
    { title: "Before", wide: true, cell: (row) => row.base_outcome && badge(row.base_outcome, { small: true }) },
    { title: "Now", cell: (row) => row.outcome && badge(row.outcome, { small: true }) },
    { title: "Took", number: true, wide: true, cell: (row) => duration(row.seconds ?? row.base_seconds) },
  ];
}
