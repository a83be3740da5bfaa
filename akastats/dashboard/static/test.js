/** Test: its durations and outcomes over runs, what it failed with, what its fixtures cost. */

import { mayWrite, read } from "./api.js";
import { READS } from "./chart.js";
import { el, svg } from "./dom.js";
import { counted, duration, moment, number, percent } from "./format.js";
import { evidence } from "./evidence.js";
import { failures } from "./failures.js";
import { rateOf } from "./judged.js";
import { INKS, OUTCOMES, badge } from "./marks.js";
import { levelsOf, move } from "./moves.js";
import { facts, head, later, nothing, section, show } from "./parts.js";
import { api, asked, to } from "./place.js";
import { points } from "./points.js";
import { held, quarantining, releasing } from "./quarantine.js";
import { fixtureColumns } from "./slow.js";
import { filledTable, foldedTable } from "./table.js";
import { age, branchName, commitId, runById, runLink } from "./words.js";

const ATTEMPTS = 500;
const REACH = "In its reach: which of them it uses is not recorded, and their times are the whole run's.";

/** Show one test. */
export async function view() {
  const [nodeid, suite] = [asked("nodeid"), asked("suite")];
  if (!nodeid)
    return show({ title: "Test", content: nothing("Which test?", el("a", { href: to.tests() }, "Choose one")) });
  const history = read(api.history(nodeid, suite, ATTEMPTS));
  // Where the test itself is unknown nobody looks at its history.
  history.catch(() => {});
  const [test, isAllowed] = await Promise.all([read(api.test(nodeid, suite)), mayWrite()]);
  const words = nodeid.slice(nodeid.indexOf("::") + 2);
  return show({
    title: words,
    data: api.test(nodeid, suite),
    content: [
      header(test, isAllowed),
      standing(test),
      later(history, (found) => past(found.items, test.changes)),
      moves(test, isAllowed),
      causes(test),
      phases(test),
      later(history, (found) => kept(found.items)),
    ],
  });
}

function header(test, isAllowed) {
  const [path, ...names] = test.nodeid.split("::");
  const kicker = [el("a", { href: to.tests({ q: path }) }, path), names.slice(0, -1).map((name) => ` :: ${name}`)];
  const title = names.length ? names.at(-1) : path;
  const below = [
    badge(test.last_outcome, { small: true }),
    test.verdict && badge(test.verdict.state, { small: true }),
    test.quarantine && held(test.quarantine),
    age(test.last_time),
    test.suite && el("span", { class: "tag" }, test.suite),
  ].filter(Boolean);
  const beside = isAllowed && (test.quarantine ? releasing : quarantining)(test, view);
  return [head(el("span", { class: "nodeid" }, title), { kicker, below, beside }), figures(test)];
}

function figures({ numbers, p50, p95, failure_rate: rate, runs, label }) {
  return facts([
    ["Last", duration(numbers?.last)],
    ["p50", duration(p50)],
    ["p95", duration(p95)],
    ["Average", duration(numbers?.avg)],
    ["Min", duration(numbers?.min)],
    ["Max", duration(numbers?.max)],
    ["Stdev", duration(numbers?.stdev)],
    ["Fails", el("span", { class: rate ? "bad" : null }, percent(rate))],
    ["Attempts", number(runs)],
    ["Label", label && el("a", { href: to.stats({ label }) }, "its raw numbers")],
  ]);
}

// What the newest verdicts say of it.
function standing({ verdict, together }) {
  if (!verdict) return null;
  return section(
    { flaky: "Flaky", broken: "Broken", undecided: "Not decided" }[verdict.state] ?? verdict.state,
    {
      id: "state",
      note: [
        verdict.is_new ? "new, " : null,
        "since ",
        verdict.since_commit && [commitId(verdict.since_commit), " "],
        runById(verdict.since),
        `, failed ${counted(verdict.runs_failed, "run")}`,
      ],
    },
    facts([["Fails at present", rateOf(verdict)]]),
    evidence(verdict, together),
  );
}

function moves({ changes, judged_by: run }, isAllowed) {
  if (!changes.length) return null;
  return section(
    "Changes of its duration",
    { id: "changes", note: "the newest first" },
    el(
      "div",
      { class: "moves" },
      changes.map((change) => move(change, isAllowed ? run : null)),
    ),
  );
}

function past(items, changes) {
  if (!items.length) return nothing("No attempt is kept of this test");
  const attempts = [...items].reverse();
  return [
    items.length > 1 &&
      section(
        "Durations",
        {
          id: "durations",
          note: "running median of 15, and the middle half; squares failed. A click opens the run",
        },
        el("div", { class: "card" }, durations(attempts, changes)),
      ),
    section("Outcomes by commit", { id: "outcomes" }, byCommit(attempts)),
  ];
}

function kept(items) {
  return section("Attempts", { id: "attempts", note: "the newest first" }, rows(items));
}

function durations(attempts, changes) {
  return points({
    levels: levelsOf(
      attempts.map((one) => one.run),
      changes,
    ),
    label: `Durations of ${attempts.length} attempts`,
    times: attempts.map((one) => one.timestamp),
    values: attempts.map((one) => one.value),
    colours: attempts.map((one) => INKS[one.outcome] ?? "--skip"),
    reads: READS.duration,
    even: true,
    tell: (at) => told(attempts[at]),
    go: (at) => attempts[at].run && to.run(attempts[at].run),
  });
}

function told({ value, outcome, timestamp, branch, commit }) {
  return [
    el("b", {}, `${duration(value)}, ${outcome ?? "outcome unknown"}`),
    el("span", {}, moment(timestamp)),
    el("span", { class: "quiet" }, [branch, commit?.slice(0, 8)].filter(Boolean).join(" · ")),
  ];
}

/** Return one group of marks a commit, oldest first: a commit with both outcomes is what flaky looks like. */
function byCommit(attempts) {
  const groups = [];
  for (const attempt of attempts) {
    const last = groups.at(-1);
    if (last && last.commit === attempt.commit) last.attempts.push(attempt);
    else groups.push({ commit: attempt.commit, attempts: [attempt] });
  }
  return el("div", { class: "commits" }, groups.map(commitMarks));
}

function commitMarks({ commit, attempts }) {
  const newest = attempts.at(-1);
  const words = `${commit ? commit.slice(0, 8) : "unknown commit"}: ${attempts.map((one) => one.outcome ?? "unknown").join(", ")}`;
  const marks = attempts.map((one, at) =>
    svg("rect", {
      class: `is-${isKnown(one.outcome) ? one.outcome : "unknown"}`,
      x: at * 7,
      y: one.outcome === "passed" ? 8 : 0,
      width: 5.5,
      height: one.outcome === "passed" ? 8 : 16,
      rx: 1,
    }),
  );
  const strip = svg(
    "svg",
    { class: "strip", width: attempts.length * 7, height: 16, "aria-hidden": "true" },
    marks,
  );
  return newest.run
    ? el("a", { href: to.run(newest.run), title: words, "aria-label": words }, strip)
    : el("span", { title: words }, strip);
}

function isKnown(outcome) {
  return Object.values(OUTCOMES).includes(outcome);
}

function rows(items) {
  return foldedTable({
    caption: "Attempts",
    rows: items,
    columns: [
      { title: "Run", cell: (one) => (one.run ? runLink(one.run, one.timestamp) : moment(one.timestamp)) },
      { title: "Outcome", cell: (one) => badge(one.outcome, { small: true }) },
      { title: "Took", number: true, cell: (one) => duration(one.value) },
      { title: "Branch", wide: true, cell: (one) => branchName(one.branch) },
      { title: "Commit", cell: (one) => commitId(one.commit), wide: true },
    ],
  });
}

function causes(test) {
  const content = test.failures?.length
    ? failures(test.failures, test.suite, { nodeid: test.nodeid })
    : el("p", { class: "well" }, "It did not fail in the attempts that are kept.");
  return section(
    "Failures",
    { id: "failures", note: test.failures?.length ? "grouped, the newest first" : null },
    content,
  );
}

function phases({ latest, fixtures, suite }) {
  if (!latest)
    return section("Fixtures", { id: "fixtures" }, nothing("No profile of a run with this test is kept"));
  const sum = facts([
    ["Setup", duration(latest.setup)],
    ["Call", duration(latest.call)],
    ["Teardown", duration(latest.teardown)],
    ["Worker", latest.worker],
  ]);
  const columns = [
    ...fixtureColumns(suite),
    { title: "Setup", number: true, cell: (row) => duration(row.setup) },
    { title: "Teardown", number: true, cell: (row) => duration(row.teardown) },
  ];
  return section(
    "Fixtures",
    { id: "fixtures", note: ["in its ", el("a", { href: to.run(latest.run) }, "newest run")] },
    sum,
    fixtures?.length
      ? [
          el("p", { class: "note" }, REACH),
          filledTable({ caption: "Fixtures in its reach", rows: fixtures, columns }),
        ]
      : nothing("No fixture took any time"),
  );
}
