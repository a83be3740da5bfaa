/** Tests: every one with its recent past, or all of them against the newest runs. */

import { list } from "./api.js";
import { el } from "./dom.js";
import { duration, number, percent } from "./format.js";
import { grid } from "./grid.js";
import { choice, listing, search } from "./listing.js";
import { sparkline, strip } from "./marks.js";
import { head, noRuns, nothing, show } from "./parts.js";
import { api, asked, to } from "./place.js";
import { age, testLink } from "./words.js";

const OUTCOMES = ["passed", "failed", "error", "xfailed", "xpassed", "rerun"];

/** Show the list of tests, or the grid. */
export async function view() {
  const facets = await list("facets");
  const isGrid = asked("view") === "grid";
  const beside = el(
    "div",
    { class: "bar", role: "group", "aria-label": "View" },
    kind("List", "", isGrid),
    kind("Grid", "grid", isGrid),
  );
  show({
    title: "Tests",
    data: api.of(isGrid ? "grid" : "tests"),
    content: [head("Tests", { beside }), isGrid ? grid(facets) : every(facets)],
  });
}

function kind(word, name, isGrid) {
  const isHere = (name === "grid") === isGrid;
  return el(
    "a",
    {
      class: "button",
      href: to.tests({ view: name, q: asked("q"), suite: asked("suite") }),
      "aria-current": isHere ? "page" : null,
    },
    word,
  );
}

function every({ suites }) {
  const controls = [
    search("q", "Filter tests, words in any order"),
    choice("outcome", "Last outcome", OUTCOMES, "any outcome"),
  ];
  if (suites.length) controls.push(choice("suite", "Suite", suites, "all suites"));
  return listing({
    path: "tests",
    noun: "test",
    sort: "-last_time",
    controls,
    columns,
    empty: (isFiltered) =>
      isFiltered ? nothing("No test matches", "Every word must occur in the node id.") : noRuns(),
  });
}

const columns = [
  { title: "Test", sort: "nodeid", grow: true, cell: (test) => testLink(test.nodeid, test.suite, { tag: true }) },
  {
    title: "Outcomes",
    cell: (test) => strip(test.outcomes),
    hint: "of the last 30 attempts, newest at the right",
  },
  {
    title: "Fails",
    sort: "failure_rate",
    number: true,
    hint: "share of attempts that failed",
    cell: (test) => rate(test.failure_rate),
  },
  { title: "Durations", cell: (test) => sparkline(test.durations), wide: true, hint: "of the last 30 attempts" },
  { title: "Last", number: true, wide: true, widest: true, cell: (test) => duration(test.last) },
  {
    title: "p50",
    sort: "p50",
    number: true,
    hint: "half of the attempts are faster",
    cell: (test) => duration(test.p50),
  },
  {
    title: "p95",
    sort: "p95",
    number: true,
    wide: true,
    hint: "95 of 100 attempts are faster",
    cell: (test) => duration(test.p95),
  },
  { title: "Average", sort: "avg", number: true, wide: true, widest: true, cell: (test) => duration(test.avg) },
  { title: "Runs", sort: "runs", number: true, wide: true, widest: true, cell: (test) => number(test.runs) },
  { title: "Seen", sort: "last_time", number: true, wide: true, cell: (test) => age(test.last_time) },
];

function rate(share) {
  return share ? el("span", { class: "bad" }, percent(share)) : el("span", { class: "quiet" }, "0");
}
