/** View of one run: failures, changes, where the time went, findings, slowest tests, timeline, fixtures, collection and all tests. */

import { fetchJson, fetchPath } from "./api.js";
import { badge } from "./badge.js";
import { el, setContent } from "./dom.js";
import { labelTags } from "./failure-labels.js";
import { failureGroups } from "./failures.js";
import { ageElement, branchName, runTag, shortCommit } from "./fields.js";
import { findingTable, planTable } from "./findings.js";
import { searchField, selectField } from "./filters.js";
import { capitalise, fillIn, formatAge, formatDuration, formatNumber, formatTime, pluralize } from "./format.js";
import { meterBar, stackedBar } from "./inline-charts.js";
import { definitionList, pageHeader, section, showPage } from "./layout.js";
import { ledgerBars } from "./ledger.js";
import { testLink } from "./links.js";
import { emptyMessage, whenLoaded } from "./messages.js";
import { pagedList } from "./paged-list.js";
import phrases from "./phrases.js";
import { expectedTests, failureCount, outcomeCounts, progressText } from "./run-counts.js";
import { differenceTables } from "./run-differences.js";
import { followRuns } from "./run-events.js";
import { fixtureColumns, slowestFixtures, slowestTests } from "./slowest-tables.js";
import { expandableTable, filledTable } from "./table.js";
import { timeline } from "./timeline.js";
import { apiUrl, httpUrl, viewUrl } from "./urls.js";
import { typicalText, verdictNote } from "./verdicts.js";

const OUTCOMES = ["passed", "failed", "error", "skipped", "xfailed", "xpassed", "rerun"];
const COMPARED_WITH = fillIn(phrases.COMPARED_WITH, { base: "" });

/** Show one run. */
export async function view(id) {
  const run = await fetchJson(apiUrl.run(id));
  const top = el("div", {}, header(run));
  const below = el("div", {}, runSections(run));
  showPage({ title: `Run ${run.id}`, data: apiUrl.run(id), content: [top, below] });
  if (run.status === "running") followRun(run, top, below);
}

/** Update the view of a run in progress: its counts at each event, its failures when there is a new one. */
function followRun(first, top, below) {
  let shownCount = failingCount(first);
  const events = followRuns((run) => {
    if (run.id !== first.id) return;
    if (run.status !== "running") {
      events.close();
      view(run.id);
      return;
    }
    setContent(top, header(run));
    if (failingCount(run) === shownCount) return;
    shownCount = failingCount(run);
    fetchJson(apiUrl.run(run.id)).then(
      (newest) => newest.status === "running" && setContent(below, runSections(newest)),
      // The next failure, or the end of the run, loads the details again.
      () => {},
    );
  });
}

function failingCount(run) {
  return failureCount(run) + (run.collect_errors ?? 0);
}

function header(run) {
  const title = [badge(run.status), el("span", {}, "Run of ", formatTime(run.started))];
  const beside = el("div", { class: "bar" }, buildLink(run), compareMenu(run));
  const below = [
    branchName(run.branch),
    runTag(run),
    shortCommit(run.commit, run.dirty),
    run.suite && el("span", { class: "tag" }, run.suite),
    ageElement(run.started),
    el("span", {}, formatDuration(run.duration), typicalDuration(run.verdicts)),
  ].filter(Boolean);
  return [pageHeader(title, { beside, below }), diedIn(run), tally(run), environment(run)].filter(Boolean);
}

/** Return a line with the tests that were running when the process died; null if there are none. */
function diedIn(run) {
  if (!run.died_in?.length) return null;
  const names = run.died_in.flatMap((nodeid, index) => [index ? ", " : " ", testLink(nodeid, run.suite)]);
  return el("p", { class: "died" }, "The test process died while running", names);
}

function typicalDuration(verdicts) {
  const typical = verdicts?.usual_seconds ?? null;
  return typical !== null && ` (${typicalText(typical)})`;
}

function tally(run) {
  const counts = outcomeCounts(run);
  const shown = [...counts, ["rerun", run.reruns ?? 0], ["collection error", run.collect_errors ?? 0]].filter(
    ([, count]) => count > 0,
  );
  return el(
    "div",
    { class: "tally" },
    stackedBar(counts, expectedTests(run)),
    el(
      "ul",
      {},
      el("li", {}, progressText(run)),
      shown.map(([name, count]) =>
        el(
          "li",
          {},
          el("i", { class: `dot is-${name.replace("collection ", "")}` }),
          `${formatNumber(count)} ${name}`,
        ),
      ),
    ),
  );
}

function buildLink({ build_url: url, provider, build_id: id }) {
  const href = httpUrl(url);
  return (
    href && el("a", { class: "button", href, rel: "noreferrer noopener" }, `${provider ?? "CI"} build ${id ?? ""}`)
  );
}

function environment(run) {
  const pairs = [
    ["Run", el("code", {}, run.id)],
    ["Host", run.host],
    ["Platform", run.platform],
    ["Python", run.python],
    ["pytest", run.pytest],
    ["Workers", run.workers],
    ["CPUs", run.cpu_count],
    ["Job", run.job],
    ["Attempt", run.attempt],
    ["Exit code", run.exit_code],
    ["Arguments", run.argv && el("code", {}, run.argv)],
  ];
  return el("details", { class: "environment" }, el("summary", {}, "Environment"), definitionList(pairs));
}

function compareMenu(run) {
  const menu = el(
    "select",
    {
      "aria-label": "Compare with another run",
      on: { change: () => menu.value && location.assign(viewUrl.compare(run.id, ids[menu.selectedIndex])) },
    },
    el("option", { value: "" }, "Compare with…"),
  );
  const ids = [null];
  fetchPath("runs", { suite: run.suite, limit: 50 }).then(
    ({ items }) => {
      for (const item of items.filter(({ id, status }) => id !== run.id && status !== "running")) {
        ids.push(item.id);
        menu.append(runOption(item));
      }
    },
    () => menu.remove(),
  );
  return menu;
}

function runOption({ id, started, branch, commit, status }) {
  const facts = [formatTime(started), branch, commit?.slice(0, 8), status].filter(Boolean);
  return el("option", { value: id }, facts.join(" · "));
}

function allSavings({ id, suite }) {
  return el("a", { href: viewUrl.speedUp({ run: id, suite }) }, "Try changes");
}

function runSections(run) {
  if (!run.has_profile) return missingProfile(run);
  const profile = fetchJson(apiUrl.profile(run.id));
  const hasFailures = run.failures.length > 0;
  const sections = [
    hasFailures && failureSection(run),
    changesSection(run),
    run.verdicts && testLists(run),
    run.verdicts?.over_budget.length > 0 && overBudget(run),
    section(
      "Where the time went",
      { id: "time", note: "wall time of all processes" },
      whenLoaded(fetchJson(apiUrl.ledger(run.id)), ledgerBars),
    ),
    section(
      "Speed up",
      { id: "speed-up", note: "what a change would save", beside: allSavings(run) },
      whenLoaded(fetchJson(apiUrl.findings(run.id)), (answer) => findingTable(answer, run.suite)),
      whenLoaded(fetchJson(apiUrl.plan(run.id)), planTable),
    ),
    section("Slowest tests", { id: "slowest" }, slowestTests(run)),
    section(
      "Timeline",
      { id: "timeline", note: "one lane per worker; setup and teardown are lighter", beside: profileLinks(run) },
      whenLoaded(profile, (content) => timeline(content, run.suite)),
    ),
    section("Fixtures", { id: "fixtures" }, fixtures(run, profile)),
    section(
      "Collection",
      { id: "collection", note: "time to import and collect each file" },
      whenLoaded(profile, collectionTable),
    ),
    section("Tests", { id: "tests" }, testsSection(run)),
  ]
    .flat()
    .filter(Boolean);
  return [tableOfContents(sections), sections];
}

function tableOfContents(sections) {
  return el(
    "nav",
    { class: "contents", "aria-label": "On this page" },
    sections.map((each) => el("a", { href: `#${each.id}` }, each.querySelector("h2").textContent)),
  );
}

function failureSection(run) {
  const note = run.failing_left_out ? `${run.failing_left_out} more failing tests are not shown` : null;
  return section(
    "Failures",
    { id: "failures", note: note ?? pluralize(run.failures.length, "distinct error") },
    run.verdicts && verdictSummary(run.verdicts),
    failureGroups(run.failures, run.suite, { verdicts: run.verdicts?.failures }),
  );
}

function verdictSummary(verdicts) {
  const { failures, is_outage: isOutage, base } = verdicts;
  return [
    el(
      "p",
      { class: "facts labels" },
      labelTags(failures),
      base && el("span", {}, COMPARED_WITH, branchName(base)),
    ),
    isOutage && verdictNote(phrases.OUTAGE),
    suiteNote(verdicts),
  ];
}

/** Return a note if the runs of a build need suite names; else null. */
function suiteNote({ environments, equal_runs: equalRuns }) {
  if (equalRuns) return verdictNote(phrases.EQUAL_RUNS, { count: formatNumber(equalRuns) });
  const values = { count: formatNumber(environments.length), names: environments.join("; ") };
  return environments.length ? verdictNote(phrases.SEVERAL_ENVIRONMENTS, values) : null;
}

function changesSection(run) {
  const { base, changes, suite } = run;
  const content = changes
    ? differenceTables(changes, suite)
    : emptyMessage("No earlier run of this suite to compare with");
  if (!base) return section("Changes", { id: "changed" }, content);
  const name = `${base.branch ?? "run"}, ${formatAge(base.started)}`;
  const note = [COMPARED_WITH, el("a", { href: viewUrl.run(base.id) }, name)];
  const beside = el("a", { class: "button", href: viewUrl.compare(run.id, base.id) }, "Full comparison");
  return section("Changes", { id: "changed", note, beside }, content);
}

/** Return a section for each verdict that is a list of tests. The section "Changes" contains the fixed tests. */
function testLists({ verdicts, suite }) {
  const columns = [{ title: "Test", grow: true, cell: (nodeid) => testLink(nodeid, suite) }];
  return Object.entries(phrases.TEST_LISTS)
    .filter(([name]) => verdicts[name]?.length)
    .map(([name, { title, note }]) => {
      const caption = capitalise(title);
      return section(caption, { id: name, note }, expandableTable({ caption, rows: verdicts[name], columns }));
    });
}

/** Return the name of a fixture, file, import or span by its label; null for a node id. */
function costName(label) {
  const [, kind, name] = /^(fixture|collect|import|span)::(.+)$/s.exec(label) ?? [];
  if (!kind) return null;
  return kind === "span" ? (phrases.SPAN_NAMES[name] ?? name) : `${kind} ${name}`;
}

function overBudget({ verdicts, suite }) {
  const rules = { max_slowdown: "max_slowdown × typical duration" };
  const caption = capitalise(phrases.OVER_BUDGET);
  const columns = [
    { title: "Test", grow: true, cell: ({ nodeid }) => costName(nodeid) ?? testLink(nodeid, suite) },
    { title: "Duration", number: true, cell: (row) => el("b", { class: "bad" }, formatDuration(row.seconds)) },
    { title: "Allowed", number: true, cell: (row) => formatDuration(row.allowed) },
    { title: "Rule", wide: true, cell: (row) => rules[row.rule] ?? row.rule },
  ];
  const note = "what took longer than its budget allows";
  return section(caption, { id: "budget", note }, expandableTable({ caption, rows: verdicts.over_budget, columns }));
}

function missingProfile(run) {
  if (run.status === "running")
    return [
      run.failures.length > 0 && failureSection(run),
      emptyMessage(
        "This run is in progress",
        "Failures appear as they happen; slowest tests and timeline appear when the run ends.",
      ),
    ];
  return emptyMessage(
    "The results of the single tests have expired",
    "They are kept for the newest 500 runs (AKA_STATS_PROFILES). The numbers above are still available.",
  );
}

function profileLinks(run) {
  const link = (format, site) =>
    el(
      "a",
      { class: "button", href: apiUrl.profile(run.id, format), download: true },
      `Download for ${site}`,
    );
  return el("div", { class: "bar" }, link("speedscope", "speedscope.app"), link("perfetto", "ui.perfetto.dev"));
}

function fixtures(run, profile) {
  const container = el("div", {}, slowestFixtures(run));
  const open = () =>
    setContent(
      container,
      whenLoaded(profile, (content) => fixtureTable(content.fixtures, run.suite)),
    );
  if (run.slowest_fixtures?.length)
    container.append(el("button", { class: "plain", on: { click: open } }, "All fixtures"));
  return container;
}

function fixtureTable(columns, suite) {
  const rows = columns.name.map((name, index) =>
    Object.fromEntries(Object.keys(columns).map((key) => [key, columns[key][index]])),
  );
  rows.sort((a, b) => b.setup + b.teardown - a.setup - a.teardown);
  return filledTable({
    caption: "All fixtures",
    rows,
    columns: [
      ...fixtureColumns(suite),
      { title: "Setup", number: true, cell: (row) => formatDuration(row.setup / 1e6) },
      { title: "Teardown", number: true, cell: (row) => formatDuration(row.teardown / 1e6) },
    ],
  });
}

function collectionTable({ files: { path, seconds } }) {
  const rows = path
    .map((name, index) => ({ name, seconds: seconds[index] / 1e6 }))
    .sort((a, b) => b.seconds - a.seconds);
  if (!rows.length) return emptyMessage("No files were collected");
  const columns = [
    { title: "File", grow: true, cell: (row) => el("span", { class: "nodeid" }, row.name) },
    { title: "", wide: true, cell: (row) => meterBar(row.seconds / rows[0].seconds) },
    { title: "Duration", number: true, cell: (row) => formatDuration(row.seconds) },
  ];
  return expandableTable({ caption: "Files", rows, columns });
}

function testsSection(run) {
  const prefix = "tests-";
  return pagedList({
    prefix,
    path: apiUrl.runTests(run.id),
    noun: "test",
    sort: "order",
    controls: [
      searchField("q", "Filter tests", { prefix }),
      selectField("outcome", "Outcome", OUTCOMES, "all outcomes", { prefix }),
    ],
    empty: () => emptyMessage("No matching tests"),
    columns: [
      { title: "Test", sort: "nodeid", grow: true, cell: (test) => testLink(test.nodeid, run.suite) },
      { title: "Outcome", cell: (test) => badge(test.outcome, { small: true }) },
      {
        title: "Started",
        sort: "order",
        wide: true,
        number: true,
        hint: "after the start of the run",
        cell: (test) => formatDuration(test.start),
      },
      { title: "Setup", sort: "setup", wide: true, number: true, cell: (test) => formatDuration(test.setup) },
      { title: "Duration", sort: "seconds", number: true, cell: (test) => formatDuration(test.seconds) },
      { title: "Worker", wide: true, cell: (test) => test.worker },
      {
        title: "Memory",
        wide: true,
        number: true,
        hint: "peak of the process until the end of the test, in MiB",
        cell: (test) => formatNumber(test.peak_memory && Math.round(test.peak_memory / 2 ** 20)),
      },
    ],
  });
}
