/** View of one test: durations and outcomes over time, failures, duration changes, fixtures. */

import { canWrite, fetchJson } from "./api.js";
import { badge, stateText } from "./badge.js";
import { FORMATS } from "./chart.js";
import { el, svg } from "./dom.js";
import { changeCard, levelsByEnvironment } from "./duration-changes.js";
import { evidenceList } from "./evidence.js";
import { failureGroups } from "./failures.js";
import { ageElement, branchName, shortCommit } from "./fields.js";
import { capitalise, formatDuration, formatNumber, formatPercent, formatTime, pluralize } from "./format.js";
import { historyChart } from "./history-chart.js";
import { definitionList, pageHeader, section, showPage } from "./layout.js";
import { runLink, runLinkById } from "./links.js";
import { emptyMessage, whenLoaded } from "./messages.js";
import { OUTCOME_COLOURS, OUTCOME_OF_LETTER } from "./outcomes.js";
import { quarantineButton, quarantineTag, releaseButton } from "./quarantine.js";
import { fixtureColumns } from "./slowest-tables.js";
import { expandableTable, filledTable } from "./table.js";
import { apiUrl, queryValue, viewUrl } from "./urls.js";
import { failureRate } from "./verdicts.js";

const MAX_ATTEMPTS = 500;
const REQUESTED_NOTE =
  "Fixtures that this test requests, directly or through others. Count and times are those of the whole run.";
const AVAILABLE_NOTE =
  "Fixtures that this test can use. This run did not record which of them it requests. The times are those of the whole run.";

/** Show one test. */
export async function view() {
  const [nodeid, suite] = [queryValue("nodeid"), queryValue("suite")];
  if (!nodeid)
    return showPage({
      title: "Test",
      content: emptyMessage("No test selected", el("a", { href: viewUrl.tests() }, "Choose a test")),
    });
  const history = fetchJson(apiUrl.history(nodeid, suite, MAX_ATTEMPTS));
  // If the test is unknown, show its error and ignore the error of its history.
  history.catch(() => {});
  const [test, mayWrite] = await Promise.all([fetchJson(apiUrl.test(nodeid, suite)), canWrite()]);
  const name = nodeid.slice(nodeid.indexOf("::") + 2);
  return showPage({
    title: name,
    data: apiUrl.test(nodeid, suite),
    content: [
      header(test, mayWrite),
      verdictSection(test),
      whenLoaded(history, ({ items }) => historySections(items, test.changes)),
      changesSection(test, mayWrite),
      failureSection(test),
      fixtureSection(test),
      whenLoaded(history, ({ items }) => attemptsSection(items)),
    ],
  });
}

function header(test, mayWrite) {
  const [path, ...names] = test.nodeid.split("::");
  const kicker = [
    el("a", { href: viewUrl.tests({ q: path }) }, path),
    names.slice(0, -1).map((name) => ` :: ${name}`),
  ];
  const title = names.length ? names.at(-1) : path;
  const below = [
    badge(test.last_outcome, { small: true }),
    test.verdict && badge(test.verdict.state, { small: true }),
    test.quarantine && quarantineTag(test.quarantine),
    ageElement(test.last_time),
    test.suite && el("span", { class: "tag" }, test.suite),
  ].filter(Boolean);
  const beside = mayWrite && (test.quarantine ? releaseButton : quarantineButton)(test, view);
  return [pageHeader(el("span", { class: "nodeid" }, title), { kicker, below, beside }), summaryList(test)];
}

function summaryList({ numbers, p50, p95, failure_rate: rate, runs, label }) {
  return definitionList([
    ["Last", formatDuration(numbers?.last)],
    ["p50", formatDuration(p50)],
    ["p95", formatDuration(p95)],
    ["Average", formatDuration(numbers?.avg)],
    ["Min", formatDuration(numbers?.min)],
    ["Max", formatDuration(numbers?.max)],
    ["Stdev", formatDuration(numbers?.stdev)],
    ["Failed", el("span", { class: rate ? "bad" : null }, formatPercent(rate))],
    ["Attempts", formatNumber(runs)],
    ["Label", label && el("a", { href: viewUrl.stats({ label }) }, "summary and history")],
  ]);
}

// State of the test in the newest verdicts.
function verdictSection({ verdict, together }) {
  if (!verdict) return null;
  return section(
    capitalise(stateText(verdict.state)),
    {
      id: "state",
      note: [
        verdict.is_new ? "new, " : null,
        "since ",
        verdict.since_commit && [shortCommit(verdict.since_commit), " "],
        runLinkById(verdict.since),
        `, failed ${pluralize(verdict.runs_failed, "run")}`,
      ],
    },
    definitionList([["Failure rate", failureRate(verdict)]]),
    evidenceList(verdict, together),
  );
}

function changesSection({ changes, judged_by: run }, mayWrite) {
  if (!changes.length) return null;
  return section(
    "Duration changes",
    { id: "changes", note: "newest first" },
    el(
      "div",
      { class: "change-cards" },
      changes.map((change) => changeCard(change, mayWrite ? run : null)),
    ),
  );
}

function historySections(items, changes) {
  if (!items.length) return emptyMessage("This test has no stored attempts");
  const attempts = [...items].reverse();
  return [
    items.length > 1 &&
      section(
        "Durations",
        {
          id: "durations",
          note: "line: median of 15 attempts; band: their quartiles; squares: failures. Click a point to open its run",
        },
        el("div", { class: "card" }, durationChart(attempts, changes)),
      ),
    section("Outcomes by commit", { id: "outcomes" }, outcomesByCommit(attempts)),
  ];
}

function attemptsSection(items) {
  return section("Attempts", { id: "attempts", note: "newest first" }, attemptTable(items));
}

function durationChart(attempts, changes) {
  return historyChart({
    levels: levelsByEnvironment(
      attempts.map((attempt) => attempt.run),
      changes,
    ),
    label: `Durations of ${attempts.length} attempts`,
    times: attempts.map((attempt) => attempt.timestamp),
    values: attempts.map((attempt) => attempt.value),
    colours: attempts.map((attempt) => OUTCOME_COLOURS[attempt.outcome] ?? "--skip"),
    format: FORMATS.duration,
    isEvenlySpaced: true,
    describe: (index) => attemptTooltip(attempts[index]),
    href: (index) => attempts[index].run && viewUrl.run(attempts[index].run),
  });
}

function attemptTooltip({ value, outcome, timestamp, branch, commit }) {
  return [
    el("b", {}, `${formatDuration(value)}, ${outcome ?? "outcome unknown"}`),
    el("span", {}, formatTime(timestamp)),
    el("span", { class: "muted" }, [branch, commit?.slice(0, 8)].filter(Boolean).join(" · ")),
  ];
}

/** Return the outcomes grouped by commit, oldest first. */
function outcomesByCommit(attempts) {
  const groups = [];
  for (const attempt of attempts) {
    const last = groups.at(-1);
    if (last && last.commit === attempt.commit) last.attempts.push(attempt);
    else groups.push({ commit: attempt.commit, attempts: [attempt] });
  }
  return el("div", { class: "commits" }, groups.map(commitStrip));
}

function commitStrip({ commit, attempts }) {
  const newest = attempts.at(-1);
  const title = `${commit ? commit.slice(0, 8) : "unknown commit"}: ${attempts.map((attempt) => attempt.outcome ?? "unknown").join(", ")}`;
  const bars = attempts.map((attempt, index) =>
    svg("rect", {
      class: `is-${isOutcome(attempt.outcome) ? attempt.outcome : "unknown"}`,
      x: index * 7,
      y: attempt.outcome === "passed" ? 8 : 0,
      width: 5.5,
      height: attempt.outcome === "passed" ? 8 : 16,
      rx: 1,
    }),
  );
  const strip = svg(
    "svg",
    { class: "strip", width: attempts.length * 7, height: 16, "aria-hidden": "true" },
    bars,
  );
  return newest.run
    ? el("a", { href: viewUrl.run(newest.run), title, "aria-label": title }, strip)
    : el("span", { title }, strip);
}

function isOutcome(outcome) {
  return Object.values(OUTCOME_OF_LETTER).includes(outcome);
}

function attemptTable(items) {
  return expandableTable({
    caption: "Attempts",
    rows: items,
    columns: [
      {
        title: "Run",
        cell: (attempt) => (attempt.run ? runLink(attempt.run, attempt.timestamp) : formatTime(attempt.timestamp)),
      },
      { title: "Outcome", cell: (attempt) => badge(attempt.outcome, { small: true }) },
      { title: "Duration", number: true, cell: (attempt) => formatDuration(attempt.value) },
      { title: "Branch", wide: true, cell: (attempt) => branchName(attempt.branch) },
      { title: "Commit", cell: (attempt) => shortCommit(attempt.commit), wide: true },
    ],
  });
}

function failureSection(test) {
  const content = test.failures?.length
    ? failureGroups(test.failures, test.suite, { nodeid: test.nodeid })
    : el("p", { class: "all-clear" }, "No failures in the stored attempts.");
  return section(
    "Failures",
    { id: "failures", note: test.failures?.length ? "grouped, newest first" : null },
    content,
  );
}

function fixtureSection({ latest, fixtures, suite }) {
  if (!latest)
    return section("Fixtures", { id: "fixtures" }, emptyMessage("No stored profile contains this test"));
  const summary = definitionList([
    ["Setup", formatDuration(latest.setup)],
    ["Call", formatDuration(latest.call)],
    ["Teardown", formatDuration(latest.teardown)],
    ["Worker", latest.worker],
  ]);
  return section(
    "Fixtures",
    { id: "fixtures", note: ["in its ", el("a", { href: viewUrl.run(latest.run) }, "newest run")] },
    summary,
    fixtureTable(fixtures, suite),
  );
}

/** Return the fixtures that the test requests; if the run did not record them, all fixtures that it can use. */
function fixtureTable(fixtures, suite) {
  const isRecorded = fixtures.some((each) => each.is_requested !== null);
  const rows = fixtures.filter((each) => each.is_requested !== false);
  if (!rows.length)
    return fixtures.length
      ? el("p", { class: "note" }, "This test requests no fixture that the run measured.")
      : emptyMessage("No fixture took measurable time");
  return [
    el("p", { class: "note" }, isRecorded ? REQUESTED_NOTE : AVAILABLE_NOTE),
    filledTable({
      caption: isRecorded ? "Requested fixtures" : "Available fixtures",
      rows,
      columns: [
        ...fixtureColumns(suite),
        { title: "Setup", number: true, cell: (row) => formatDuration(row.setup) },
        { title: "Teardown", number: true, cell: (row) => formatDuration(row.teardown) },
      ],
    }),
  ];
}
