/** View of all tests, as a list with recent outcomes or as a grid of tests and runs. */

import { fetchPath } from "./api.js";
import { el } from "./dom.js";
import { ageElement } from "./fields.js";
import { searchField, selectField } from "./filters.js";
import { formatDuration, formatNumber, formatPercent } from "./format.js";
import { outcomeStrip, sparkline } from "./inline-charts.js";
import { pageHeader, showPage } from "./layout.js";
import { testLink } from "./links.js";
import { emptyMessage, noRunsMessage } from "./messages.js";
import { pagedList } from "./paged-list.js";
import { testGrid } from "./test-grid.js";
import { apiUrl, queryValue, viewUrl } from "./urls.js";

const OUTCOME_FILTERS = ["passed", "failed", "error", "xfailed", "xpassed", "rerun"];

/** Show the list of tests, or the grid. */
export async function view() {
  const facets = await fetchPath("facets");
  const isGrid = queryValue("view") === "grid";
  const beside = el(
    "div",
    { class: "bar", role: "group", "aria-label": "View" },
    viewLink("List", "", isGrid),
    viewLink("Grid", "grid", isGrid),
  );
  showPage({
    title: "Tests",
    data: apiUrl.path(isGrid ? "grid" : "tests"),
    content: [pageHeader("Tests", { beside }), isGrid ? testGrid(facets) : testList(facets)],
  });
}

function viewLink(title, name, isGrid) {
  const isCurrent = (name === "grid") === isGrid;
  return el(
    "a",
    {
      class: "button",
      href: viewUrl.tests({ view: name, q: queryValue("q"), suite: queryValue("suite") }),
      "aria-current": isCurrent ? "page" : null,
    },
    title,
  );
}

function testList({ suites }) {
  const controls = [
    searchField("q", "Filter tests (words in any order)"),
    selectField("outcome", "Last outcome", OUTCOME_FILTERS, "any outcome"),
  ];
  if (suites.length) controls.push(selectField("suite", "Suite", suites, "all suites"));
  return pagedList({
    path: "tests",
    noun: "test",
    sort: "-last_time",
    controls,
    columns,
    empty: (isFiltered) =>
      isFiltered ? emptyMessage("No matching tests", "The node id must contain every word.") : noRunsMessage(),
  });
}

const columns = [
  { title: "Test", sort: "nodeid", grow: true, cell: (test) => testLink(test.nodeid, test.suite, { tag: true }) },
  {
    title: "Outcomes",
    cell: (test) => outcomeStrip(test.outcomes),
    hint: "last 30 attempts, newest at the right",
  },
  {
    title: "Failed",
    sort: "failure_rate",
    number: true,
    hint: "share of attempts that failed",
    cell: (test) => rateCell(test.failure_rate),
  },
  { title: "Durations", cell: (test) => sparkline(test.durations), wide: true, hint: "last 30 attempts" },
  { title: "Last", number: true, wide: true, widest: true, cell: (test) => formatDuration(test.last) },
  {
    title: "p50",
    sort: "p50",
    number: true,
    hint: "median duration",
    cell: (test) => formatDuration(test.p50),
  },
  {
    title: "p95",
    sort: "p95",
    number: true,
    wide: true,
    hint: "95th percentile of durations",
    cell: (test) => formatDuration(test.p95),
  },
  {
    title: "Average",
    sort: "avg",
    number: true,
    wide: true,
    widest: true,
    cell: (test) => formatDuration(test.avg),
  },
  {
    title: "Attempts",
    sort: "runs",
    number: true,
    wide: true,
    widest: true,
    cell: (test) => formatNumber(test.runs),
  },
  { title: "Last run", sort: "last_time", number: true, wide: true, cell: (test) => ageElement(test.last_time) },
];

function rateCell(share) {
  return share ? el("span", { class: "bad" }, formatPercent(share)) : el("span", { class: "muted" }, "0");
}
