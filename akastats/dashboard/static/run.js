/** Run: its verdict, what failed and why, what changed, what was slow, and who did what when. */

import { list, read } from "./api.js";
import { el, fill } from "./dom.js";
import { ago, counted, duration, moment, number } from "./format.js";
import { changes } from "./changes.js";
import { outage } from "./evidence.js";
import { failures } from "./failures.js";
import { factor, labelTags } from "./judged.js";
import { choice, listing, search } from "./listing.js";
import { follow } from "./live.js";
import { badge, meter, shares } from "./marks.js";
import { facts, head, later, nothing, section, show } from "./parts.js";
import { api, to, webAddress } from "./place.js";
import { fixtureColumns, slowFixtures, slowTests } from "./slow.js";
import { filledTable, foldedTable } from "./table.js";
import { timeline } from "./timeline.js";
import {
  age,
  branchName,
  commitId,
  countsOf,
  expectedTests,
  failedCount,
  kindOfRun,
  progress,
  testLink,
} from "./words.js";

const OUTCOMES = ["passed", "failed", "error", "skipped", "xfailed", "xpassed", "rerun"];

/** Show one run. */
export async function view(id) {
  const run = await read(api.run(id));
  const top = el("div", {}, header(run));
  const below = el("div", {}, parts(run));
  show({ title: `Run ${run.id}`, data: api.run(id), content: [top, below] });
  if (run.status === "running") move(run, top, below);
}

/** Follow a run in progress: its counts as they come, its failures whenever there is another one. */
function move(first, top, below) {
  let shown = failing(first);
  const events = follow((run) => {
    if (run.id !== first.id) return;
    if (run.status !== "running") {
      events.close();
      view(run.id);
      return;
    }
    fill(top, header(run));
    if (failing(run) === shown) return;
    shown = failing(run);
    read(api.run(run.id)).then(
      (now) => now.status === "running" && fill(below, parts(now)),
      // The next failure, or the run's end, reads it again.
      () => {},
    );
  });
}

function failing(run) {
  return failedCount(run) + (run.collect_errors ?? 0);
}

function header(run) {
  const title = [badge(run.status), el("span", {}, "Run of ", moment(run.started))];
  const beside = el("div", { class: "bar" }, build(run), comparison(run));
  const below = [
    branchName(run.branch),
    kindOfRun(run),
    commitId(run.commit, run.dirty),
    run.suite && el("span", { class: "tag" }, run.suite),
    age(run.started),
    el("span", {}, duration(run.duration), usual(run.verdicts)),
  ].filter(Boolean);
  return [head(title, { beside, below }), died(run), tally(run), environment(run)].filter(Boolean);
}

/** The tests that were running when the process died. */
function died(run) {
  if (!run.died_in?.length) return null;
  const names = run.died_in.flatMap((nodeid, at) => [at ? ", " : " ", testLink(nodeid, run.suite)]);
  return el("p", { class: "died" }, "The process died while it ran", names);
}

function usual(judged) {
  if (!judged?.usual_seconds) return null;
  const pace = judged.pace === null ? "" : `, its tests ${factor(judged.pace)} theirs`;
  return ` (usually ${duration(judged.usual_seconds)}${pace})`;
}

function tally(run) {
  const counts = countsOf(run);
  const words = [...counts, ["rerun", run.reruns ?? 0], ["collection error", run.collect_errors ?? 0]].filter(
    ([, count]) => count > 0,
  );
  return el(
    "div",
    { class: "tally" },
    shares(counts, expectedTests(run)),
    el(
      "ul",
      {},
      el("li", {}, progress(run)),
      words.map(([name, count]) =>
        el("li", {}, el("i", { class: `dot is-${name.replace("collection ", "")}` }), `${number(count)} ${name}`),
      ),
    ),
  );
}

function build({ build_url: address, provider, build_id: build_ }) {
  const href = webAddress(address);
  return (
    href &&
    el("a", { class: "button", href, rel: "noreferrer noopener" }, `${provider ?? "CI"} build ${build_ ?? ""}`)
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
  return el("details", { class: "environment" }, el("summary", {}, "Environment"), facts(pairs));
}

function comparison(run) {
  const menu = el(
    "select",
    {
      "aria-label": "Compare with another run",
      on: { change: () => menu.value && location.assign(to.compare(run.id, ids[menu.selectedIndex])) },
    },
    el("option", { value: "" }, "Compare with…"),
  );
  const ids = [null];
  list("runs", { suite: run.suite, limit: 50 }).then(
    ({ items }) => {
      for (const other of items.filter((one) => one.id !== run.id && one.status !== "running")) {
        ids.push(other.id);
        menu.append(
          el(
            "option",
            { value: other.id },
            [moment(other.started), other.branch, other.commit?.slice(0, 8), other.status]
              .filter(Boolean)
              .join(" · "),
          ),
        );
      }
    },
    () => menu.remove(),
  );
  return menu;
}

function parts(run) {
  if (!run.has_profile) return unprofiled(run);
  const profile = read(api.profile(run.id));
  const hasFailures = run.failures.length > 0;
  const sections = [
    hasFailures && failed(run),
    section(
      "Changed",
      {
        id: "changed",
        note: run.base && [
          "against ",
          el("a", { href: to.run(run.base.id) }, `${run.base.branch ?? "the run"}, ${ago(run.base.started)}`),
        ],
        beside: run.base && el("a", { class: "button", href: to.compare(run.id, run.base.id) }, "Compare in full"),
      },
      changed(run),
    ),
    run.verdicts?.over_budget.length > 0 && overBudget(run),
    section("Slowest tests", { id: "slowest" }, slowTests(run)),
    section(
      "Timeline",
      { id: "timeline", note: "by worker; lighter is setup and teardown", beside: files(run) },
      later(profile, (found) => timeline(found, run.suite)),
    ),
    section("Fixtures", { id: "fixtures" }, fixtures(run, profile)),
    section(
      "Collection",
      { id: "collection", note: "seconds to import and collect a file" },
      later(profile, collection),
    ),
    section("Tests", { id: "tests" }, tests(run)),
  ].filter(Boolean);
  return [contents(sections), sections];
}

function contents(sections) {
  return el(
    "nav",
    { class: "contents", "aria-label": "On this page" },
    sections.map((one) => el("a", { href: `#${one.id}` }, one.querySelector("h2").textContent)),
  );
}

function failed(run) {
  const note = run.failing_left_out ? `${run.failing_left_out} further failing tests are not looked up` : null;
  return section(
    "Failures",
    { id: "failures", note: note ?? counted(run.failures.length, "kind") },
    run.verdicts && meaning(run.verdicts),
    failures(run.failures, run.suite, { judged: run.verdicts?.failures }),
  );
}

function meaning(verdicts) {
  const { failures: judged, is_outage: isOutage, base } = verdicts;
  const note = suiteNote(verdicts);
  const unknown = judged.filter((one) => !one.label).length;
  return [
    el(
      "p",
      { class: "facts labels" },
      labelTags(judged),
      unknown > 0 && el("span", {}, `${number(unknown)} with no history`),
      base && el("span", {}, "compared with ", branchName(base)),
    ),
    isOutage && outage(),
    note && el("p", { class: "note" }, note),
  ];
}

/** Return why a suite name is needed to tell the runs of a build apart; empty where none is: as report/content.py. */
function suiteNote({ environments, equal_runs: equal }) {
  if (equal)
    return `${number(equal)} runs of this build cannot be told apart: their differences prove nothing; give each its own --akastats-suite.`;
  if (environments.length)
    return `This build ran in ${number(environments.length)} environments without a suite (${environments.join("; ")}): give each its own --akastats-suite.`;
  return "";
}

function changed(run) {
  return run.changes ? changes(run.changes, run.suite) : nothing("No earlier run of this suite to compare with");
}

function overBudget({ verdicts, suite }) {
  const rules = { max_seconds: "max_seconds of its marker", max_slowdown: "max_slowdown, against its usual" };
  const columns = [
    { title: "Test", grow: true, cell: (row) => testLink(row.nodeid, suite) },
    { title: "Took", number: true, cell: (row) => el("b", { class: "bad" }, duration(row.seconds)) },
    { title: "Allowed", number: true, cell: (row) => duration(row.allowed) },
    { title: "By", wide: true, cell: (row) => rules[row.rule] ?? row.rule },
  ];
  const rows = verdicts.over_budget;
  return section("Over budget", { id: "budget" }, foldedTable({ caption: "Over budget", rows, columns }));
}

function unprofiled(run) {
  if (run.status === "running")
    return [
      run.failures.length > 0 && failed(run),
      nothing(
        "This run is in progress",
        "Its failures show as they happen, its slowest tests and its timeline at its end.",
      ),
    ];
  return nothing(
    "This run's profile is not kept any more",
    "Profiles are kept of the newest 500 runs: AKA_STATS_PROFILES says how many. Its numbers above stay.",
  );
}

function files(run) {
  const link = (format, word) =>
    el("a", { class: "button", href: api.profile(run.id, format), download: true }, word);
  return el("div", { class: "bar" }, link("speedscope", "speedscope"), link("perfetto", "Perfetto"));
}

function fixtures(run, profile) {
  const place = el("div", {}, slowFixtures(run));
  const open = () =>
    fill(
      place,
      later(profile, (found) => everyFixture(found.fixtures, run.suite)),
    );
  if (run.slowest_fixtures?.length)
    place.append(el("button", { class: "plain", on: { click: open } }, "All fixtures"));
  return place;
}

function everyFixture(columns, suite) {
  const rows = columns.name.map((name, at) =>
    Object.fromEntries(Object.keys(columns).map((key) => [key, columns[key][at]])),
  );
  rows.sort((one, other) => other.setup + other.teardown - one.setup - one.teardown);
  return filledTable({
    caption: "All fixtures",
    rows,
    columns: [
      ...fixtureColumns(suite),
      { title: "Setup", number: true, cell: (row) => duration(row.setup / 1e6) },
      { title: "Teardown", number: true, cell: (row) => duration(row.teardown / 1e6) },
    ],
  });
}

function collection({ files: { path, seconds } }) {
  const rows = path
    .map((name, at) => ({ name, seconds: seconds[at] / 1e6 }))
    .sort((one, other) => other.seconds - one.seconds);
  if (!rows.length) return nothing("No file was collected");
  const columns = [
    { title: "File", grow: true, cell: (row) => el("span", { class: "nodeid" }, row.name) },
    { title: "", wide: true, cell: (row) => meter(row.seconds / rows[0].seconds) },
    { title: "Took", number: true, cell: (row) => duration(row.seconds) },
  ];
  return foldedTable({ caption: "Files", rows, columns });
}

function tests(run) {
  const prefix = "tests-";
  return listing({
    prefix,
    path: api.runTests(run.id),
    noun: "test",
    sort: "order",
    controls: [
      search("q", "Filter tests", { prefix }),
      choice("outcome", "Outcome", OUTCOMES, "all outcomes", { prefix }),
    ],
    empty: () => nothing("No test matches"),
    columns: [
      { title: "Test", sort: "nodeid", grow: true, cell: (test) => testLink(test.nodeid, run.suite) },
      { title: "Outcome", cell: (test) => badge(test.outcome, { small: true }) },
      {
        title: "Started",
        sort: "order",
        wide: true,
        number: true,
        hint: "from the run's start",
        cell: (test) => duration(test.start),
      },
      { title: "Setup", sort: "setup", wide: true, number: true, cell: (test) => duration(test.setup) },
      { title: "Took", sort: "seconds", number: true, cell: (test) => duration(test.seconds) },
      { title: "Worker", wide: true, cell: (test) => test.worker },
    ],
  });
}
