/** View of the newest runs: results, trends, current failures, slowest tests, runs in progress. */

import { fetchJson, fetchPath, nullIfMissing } from "./api.js";
import { badge } from "./badge.js";
import { el, setContent } from "./dom.js";
import { failureGroups } from "./failures.js";
import { ageElement, branchName, runTag, shortCommit } from "./fields.js";
import { fieldBar, selectField } from "./filters.js";
import { formatChange, formatDuration, formatNumber, pluralize } from "./format.js";
import { stackedBar } from "./inline-charts.js";
import { pageHeader, section, showPage } from "./layout.js";
import { emptyMessage, errorMessage, noRunsMessage, whenLoaded } from "./messages.js";
import { expectedTests, failureCell, failureCount, outcomeCounts, progressText } from "./run-counts.js";
import { followRuns } from "./run-events.js";
import { savedRowCount, saveRowCount } from "./scroll-position.js";
import { slowestFixtures, slowestTests } from "./slowest-tables.js";
import { createTable } from "./table.js";
import { trendCharts } from "./trend-charts.js";
import { apiUrl, queryValue, replaceQuery, viewUrl } from "./urls.js";
import { typicalText } from "./verdicts.js";

const FIRST_RUNS = 12;
const MORE_RUNS = 50;

// Largest page that the API returns.
const MAX_PAGE = 1000;
const TREND_RUNS = 200;

// Durations of two runs are compared if their numbers of tests and workers differ by at most this share.
const SIMILAR_SHARE = 0.1;

/** Show the overview. */
export async function view() {
  const query = { branch: queryValue("branch"), suite: queryValue("suite") };
  const [facets, runs] = await Promise.all([
    fetchPath("facets"),
    fetchPath("runs", { ...query, limit: Math.min(MAX_PAGE, Math.max(FIRST_RUNS, savedRowCount("runs"))) }),
  ]);
  const data = apiUrl.path("runs", query);
  const isEmpty = !runs.items.length && !runs.next && !query.branch && !query.suite;
  const body = el("div", {}, isEmpty ? noRunsMessage() : content(runs, query));
  const live = el("div", { class: "live" });
  showPage({
    title: "Overview",
    data,
    content: [pageHeader("Overview", { beside: filters(facets) }), live, body],
  });
  showRunningRuns(live, body, query, runs.items);
}

function filters({ branches, suites }) {
  const fields = [
    selectField("branch", "Branch", branches, "all branches"),
    suites.length > 0 && selectField("suite", "Suite", suites, "all suites"),
  ];
  return fieldBar(fields.filter(Boolean), (field) => {
    replaceQuery({ [field.name]: field.value() });
    view();
  });
}

function content(page, query) {
  const runs = page.items;
  if (!runs.length) return emptyMessage("No matching runs", "Choose another branch or suite.");
  const latest = latestRun(runs);
  const details = nullIfMissing(fetchJson(apiUrl.run(latest.id)));
  return [
    whenLoaded(details, (run) => verdictBanner(run ?? latest)),
    whenLoaded(fetchPath("trends", { ...query, limit: TREND_RUNS }), trendCharts),
    section(
      "Failing now",
      { id: "failing", note: "in the newest run" },
      whenLoaded(details, failingTests),
    ),
    section("Newest runs", { id: "runs" }, newestRuns(page, query)),
    el(
      "div",
      { class: "columns" },
      section(
        "Slowest tests",
        { note: "of the newest run, with typical durations" },
        whenLoaded(details, slowestTests),
      ),
      section("Slowest fixtures", {}, whenLoaded(details, slowestFixtures)),
    ),
  ];
}

let updateRow = null;

function newestRuns({ items, next }, query) {
  const { frame, add, update } = createTable({
    caption: "Newest runs",
    columns: runColumns,
    key: (run) => run.id,
  });
  updateRow = update;
  const loadMore = async () => {
    more.disabled = true;
    try {
      const page = await fetchPath("runs", { ...query, limit: MORE_RUNS, cursor: next });
      add(page.items);
      items = [...items, ...page.items];
      saveRowCount("runs", items.length);
      next = page.next;
      more.hidden = !next;
      more.disabled = false;
    } catch (error) {
      more.replaceWith(errorMessage(error));
    }
  };
  const more = el("button", { class: "more", hidden: !next, on: { click: loadMore } }, "More runs");
  add(items);
  return [frame, more];
}

/** Return the newest finished run with results; if there is none, the newest run. */
export function latestRun(runs) {
  const hasResults = (run) => run.tests || run.errors || run.collect_errors;
  return runs.find((run) => run.status !== "running" && hasResults(run)) ?? runs[0];
}

/** Compare a run's duration with its typical duration, else with a similar base run; empty if both are unknown. */
export function durationComparison({ duration: seconds, tests, workers, base, verdicts }) {
  const typical = verdicts?.usual_seconds;
  if (typical) return `${formatChange(seconds, typical)}, ${typicalText(typical)}`;
  return base && isSimilar(tests, base.tests) && isSimilar(workers, base.workers)
    ? formatChange(seconds, base.duration)
    : "";
}

function isSimilar(a, b) {
  return Math.abs(a - b) <= SIMILAR_SHARE * Math.max(a, b);
}

// A run with `-k` or of a single file does not show the state of the other tests.
function isPartialRun({ tests, base }) {
  return base && tests < base.tests && !isSimilar(tests, base.tests);
}

function verdictBanner(run) {
  return el(
    "a",
    { class: "verdict", href: viewUrl.run(run.id) },
    badge(run.status),
    el("span", { class: "summary" }, outcomeText(run)),
    el(
      "span",
      { class: "origin" },
      branchName(run.branch),
      shortCommit(run.commit, run.dirty),
      ageElement(run.started),
    ),
  );
}

function outcomeText(run) {
  const failures = (run.failed ?? 0) + (run.errors ?? 0);
  const newFailures = run.changes?.newly_failing?.length ?? 0;
  const bad = (words) => el("b", { class: "bad" }, words);
  const uncollected =
    run.collect_errors > 0 && bad(`${pluralize(run.collect_errors, "file")} could not be collected`);
  if (uncollected && !run.tests) return uncollected;
  const remarks = [
    isPartialRun(run) && `previous run: ${formatNumber(run.base.tests)}`,
    durationComparison(run),
  ].filter(Boolean);
  return [
    uncollected && [uncollected, ", "],
    failures
      ? bad(`${formatNumber(failures)} of ${pluralize(run.tests, "test")} failing`)
      : pluralize(run.tests ?? 0, "test"),
    failures && newFailures ? ` (${newFailures} new)` : "",
    " in ",
    formatDuration(run.duration),
    remarks.length > 0 && el("span", { class: "muted" }, ` (${remarks.join(", ")})`),
  ];
}

function failingTests(run) {
  if (!run) return emptyMessage("The newest run has expired");
  if (run.failures.length) return failureGroups(run.failures, run.suite, { verdicts: run.verdicts?.failures });
  return el("p", { class: "all-clear" }, allClearText(run));
}

function allClearText(run) {
  if (!run.has_profile) return "The newest run has no results yet.";
  if (isPartialRun(run))
    return `No failures in ${pluralize(run.tests, "test")}. The previous run had ${pluralize(run.base.tests, "test")}.`;
  return "No failures: every test of the newest run passed or was skipped.";
}

let events = null;

/** Show runs in progress; when a run of this view ends, reload the view. */
function showRunningRuns(container, body, query, runs) {
  const rows = new Map();
  const statuses = new Map(runs.map((run) => [run.id, run.status]));
  const reload = async (run) => {
    const page = await fetchPath("runs", { ...query, limit: shownRunCount(body) });
    statuses.set(run.id, run.status);
    setContent(body, content(page, query));
  };
  events?.close();
  events = followRuns((run) => {
    if (!matchesFilter(run, query)) return;
    if (run.status === "running") {
      showRunningRun(run, rows, container);
      return;
    }
    rows.get(run.id)?.remove();
    rows.delete(run.id);
    if (statuses.get(run.id) !== run.status) reload(run);
  });
}

function showRunningRun(run, rows, container) {
  // The row in the table must show the same counts.
  updateRow?.(run);
  const row = runningRow(run);
  if (rows.has(run.id)) rows.get(run.id).replaceWith(row);
  else container.append(row);
  rows.set(run.id, row);
}

// A reload keeps the rows that "More runs" has added.
function shownRunCount(body) {
  return Math.min(MAX_PAGE, Math.max(FIRST_RUNS, body.querySelectorAll("#runs tbody tr").length));
}

function matchesFilter(run, { branch, suite }) {
  return (!branch || run.branch === branch) && (!suite || run.suite === suite);
}

function runningRow(run) {
  const failures = failureCount(run);
  return el(
    "a",
    { class: "verdict running", href: viewUrl.run(run.id) },
    badge("running"),
    stackedBar(outcomeCounts(run), expectedTests(run)),
    el(
      "span",
      { class: "summary" },
      progressText(run),
      failures > 0 && [", ", el("b", { class: "bad" }, `${formatNumber(failures)} failing`)],
    ),
    el(
      "span",
      { class: "origin" },
      branchName(run.branch),
      shortCommit(run.commit, run.dirty),
      run.suite,
      ageElement(run.started),
    ),
  );
}

const runColumns = [
  {
    title: "Status",
    cell: (run) =>
      el("a", { class: "bare", href: viewUrl.run(run.id), title: `run ${run.id}` }, badge(run.status)),
  },
  { title: "Branch", cell: (run) => [branchName(run.branch), " ", runTag(run)] },
  { title: "Commit", cell: (run) => shortCommit(run.commit, run.dirty), wide: true },
  { title: "Suite", cell: (run) => run.suite, wide: true },
  {
    title: "Tests",
    number: true,
    wide: true,
    cell: (run) => (run.status === "running" ? progressText(run) : run.tests),
  },
  { title: "Failed", number: true, hint: "failed tests and files that could not be collected", cell: failureCell },
  { title: "Duration", number: true, cell: (run) => formatDuration(run.duration), wide: true },
  { title: "Started", number: true, cell: (run) => ageElement(run.started) },
];
