/** Overview: how the suite does over runs, what runs now, what fails now, what is slow. */

import { ifThere, list, read } from "./api.js";
import { chart, READS } from "./chart.js";
import { el, fill } from "./dom.js";
import { change, counted, duration, moment, number, percent } from "./format.js";
import { failures } from "./failures.js";
import { choice } from "./listing.js";
import { follow } from "./live.js";
import { badge, shares } from "./marks.js";
import { failure, head, later, noRuns, nothing, section, show } from "./parts.js";
import { api, asked, remember, to } from "./place.js";
import { keepRows, rowsBefore } from "./resume.js";
import { slowFixtures, slowTests } from "./slow.js";
import { table } from "./table.js";
import {
  age,
  branchName,
  commitId,
  countsOf,
  expectedTests,
  failedCount,
  progress,
  runColumns,
} from "./words.js";

const RUNS = 12;
const FURTHER = 50;
// The API's largest page.
const MOST = 1000;
const TRENDS = 200;
// Runs whose tests or workers differ by more have no duration to compare.
const LIKE = 0.1;

/** Show the overview. */
export async function view() {
  const query = { branch: asked("branch"), suite: asked("suite") };
  const [facets, runs] = await Promise.all([list("facets"), list("runs", { ...query, limit: Math.min(MOST, Math.max(RUNS, rowsBefore("runs"))) })]);
  const data = api.of("runs", query);
  const isEmpty = !runs.items.length && !runs.next && !query.branch && !query.suite;
  const body = el("div", {}, isEmpty ? noRuns() : content(runs, query));
  const live = el("div", { class: "live" });
  show({ title: "Overview", data, content: [head("Overview", { beside: filters(facets) }), live, body] });
  followRuns(live, body, query, runs.items);
}

function filters({ branches, suites }) {
  const controls = [
    choice("branch", "Branch", branches, "all branches"),
    suites.length > 0 && choice("suite", "Suite", suites, "all suites"),
  ].filter(Boolean);
  for (const control of controls) {
    control.listen(() => {
      remember({ [control.name]: control.value() });
      view();
    });
  }
  return el(
    "div",
    { class: "bar" },
    controls.map((control) => control.element),
  );
}

function content(page, query) {
  const runs = page.items;
  if (!runs.length) return nothing("No run matches", "Choose another branch or suite.");
  const latest = leading(runs);
  const details = ifThere(read(api.run(latest.id)));
  return [
    later(details, (found) => verdict(found ?? latest)),
    later(list("trends", { ...query, limit: TRENDS }), trends),
    section(
      "Failing now",
      { id: "failing", note: "in the newest run" },
      later(details, (found) => failing(found)),
    ),
    section("Newest runs", { id: "runs" }, newest(page, query)),
    el(
      "div",
      { class: "columns" },
      section(
        "Slowest tests",
        { note: "of the newest run, against their usual" },
        later(details, (found) => slowTests(found)),
      ),
      section(
        "Slowest fixtures",
        {},
        later(details, (found) => slowFixtures(found)),
      ),
    ),
  ];
}

function newest({ items, next }, query) {
  const { frame, add, update } = table({ caption: "Newest runs", columns: runColumns, key: (run) => run.id });
  newest.update = update;
  const further = async () => {
    more.disabled = true;
    try {
      const page = await list("runs", { ...query, limit: FURTHER, cursor: next });
      add(page.items);
      items = [...items, ...page.items];
      keepRows("runs", items.length);
      next = page.next;
      more.hidden = !next;
      more.disabled = false;
    } catch (error) {
      more.replaceWith(failure(error));
    }
  };
  const more = el("button", { class: "more", hidden: !next, on: { click: further } }, "More runs");
  add(items);
  return [frame, more];
}

/** Return the run that is the news: the newest that has ended and came to anything; else the newest. */
export function leading(runs) {
  const cameTo = (run) => run.tests || run.errors || run.collect_errors;
  return runs.find((run) => run.status !== "running" && cameTo(run)) ?? runs[0];
}

/** Return a run's duration against its usual, else against a base of its size and workers; empty without its like. */
export function versus({ duration: seconds, tests, workers, base, verdicts }) {
  const usual = verdicts?.usual_seconds;
  if (usual) return `${change(seconds, usual)}, usually ${duration(usual)}`;
  return base && isNear(tests, base.tests) && isNear(workers, base.workers) ? change(seconds, base.duration) : "";
}

function isNear(one, other) {
  return Math.abs(one - other) <= LIKE * Math.max(one, other);
}

// A run of `-k` or of one file: nobody knows how the rest does.
function isPart({ tests, base }) {
  return base && tests < base.tests && !isNear(tests, base.tests);
}

function verdict(run) {
  return el(
    "a",
    { class: "verdict", href: to.run(run.id) },
    badge(run.status),
    el("span", { class: "says" }, outcome(run)),
    el("span", { class: "origin" }, branchName(run.branch), commitId(run.commit, run.dirty), age(run.started)),
  );
}

function outcome(run) {
  const bad = (run.failed ?? 0) + (run.errors ?? 0);
  const fresh = run.changes?.newly_failing?.length ?? 0;
  const red = (words) => el("b", { class: "bad" }, words);
  const lost = run.collect_errors > 0 && red(`${counted(run.collect_errors, "file")} could not be collected`);
  if (lost && !run.tests) return lost;
  const beside = [isPart(run) && `${number(run.base.tests)} the run before`, versus(run)].filter(Boolean);
  return [
    lost && [lost, ", "],
    bad ? red(`${number(bad)} of ${counted(run.tests, "test")} failing`) : counted(run.tests ?? 0, "test"),
    bad && fresh ? `, ${fresh} newly,` : "",
    " in ",
    duration(run.duration),
    beside.length > 0 && el("span", { class: "quiet" }, ` (${beside.join(", ")})`),
  ];
}

function failing(run) {
  if (!run) return nothing("The newest run is gone");
  if (run.failures.length) return failures(run.failures, run.suite, { judged: run.verdicts?.failures });
  return el("p", { class: "well" }, well(run));
}

function well(run) {
  if (!run.has_profile) return "Nothing is told of the newest run yet.";
  if (isPart(run))
    return `Nothing among ${counted(run.tests, "test")}. The run before had ${number(run.base.tests)}.`;
  return "Nothing. Every test of the newest run passed or was skipped.";
}

function trends({ items }) {
  const runs = [...items].reverse();
  if (runs.length < 2) return el("p", { class: "note" }, "Trends show from the second finished run on.");
  const x = runs.map((run) => run.started);
  const shared = {
    x,
    even: true,
    sync: "runs",
    height: 150,
    tell: (at) => told(runs[at]),
    go: (at) => to.run(runs[at].run),
  };
  const one = (title, now, options) =>
    el(
      "div",
      { class: "trend" },
      el("h3", {}, title, el("span", { class: "now" }, now)),
      chart({ ...shared, label: `${title} over ${runs.length} runs`, ...options }),
    );
  const last = runs.at(-1);
  const inks = runs.map((run) => (run.status === "passed" ? "--pass" : "--fail"));
  return el(
    "div",
    { class: "trends" },
    one("Duration", duration(last.duration), {
      reads: READS.duration,
      colours: inks,
      series: [
        { name: "duration", values: runs.map((run) => run.duration), colour: "--accent", kind: "area" },
        { name: "run", values: runs.map((run) => run.duration), colour: "--pass", kind: "points" },
      ],
    }),
    one("Tests", number(last.tests), {
      zero: false,
      series: [{ name: "tests", values: runs.map((run) => run.tests), colour: "--accent", kind: "line" }],
    }),
    one("Pass rate", percent(last.pass_rate), {
      reads: READS.percent,
      zero: false,
      top: 1.005,
      series: [{ name: "pass rate", values: runs.map((run) => run.pass_rate), colour: "--pass", kind: "line" }],
    }),
  );
}

function told(run) {
  return [
    el("b", {}, moment(run.started)),
    el("span", {}, `${run.status}, ${duration(run.duration)}`),
    el("span", {}, `${counted(run.tests ?? 0, "test")}, ${run.failed + run.errors} failing`),
    el("span", { class: "quiet" }, [run.branch, run.commit?.slice(0, 8)].filter(Boolean).join(" · ")),
  ];
}

/** Draw running runs as they move; when one ends that this view would list, load it anew. */
function followRuns(place, body, query, runs) {
  const rows = new Map();
  const listed = new Map(runs.map((run) => [run.id, run.status]));
  follow.stop?.();
  const events = follow((run) => {
    if (!fits(run, query)) return;
    if (run.status !== "running") {
      rows.get(run.id)?.remove();
      rows.delete(run.id);
      if (listed.get(run.id) !== run.status)
        list("runs", { ...query, limit: listedNow(body) }).then(
          (page) => (listed.set(run.id, run.status), fill(body, content(page, query))),
        );
      return;
    }
    // The table below must not contradict it.
    newest.update?.(run);
    const row = running(run);
    if (rows.has(run.id)) rows.get(run.id).replaceWith(row);
    else place.append(row);
    rows.set(run.id, row);
  });
  follow.stop = () => events.close();
}

// What was appended stays, up to the API's largest page.
function listedNow(body) {
  return Math.min(MOST, Math.max(RUNS, body.querySelectorAll("#runs tbody tr").length));
}

function fits(run, { branch, suite }) {
  return (!branch || run.branch === branch) && (!suite || run.suite === suite);
}

/** Return a line for a run that goes on. */
export function running(run) {
  const bad = failedCount(run);
  return el(
    "a",
    { class: "verdict running", href: to.run(run.id) },
    badge("running"),
    shares(countsOf(run), expectedTests(run)),
    el(
      "span",
      { class: "says" },
      progress(run),
      bad > 0 && [", ", el("b", { class: "bad" }, `${number(bad)} failing`)],
    ),
    el(
      "span",
      { class: "origin" },
      branchName(run.branch),
      commitId(run.commit, run.dirty),
      run.suite,
      age(run.started),
    ),
  );
}
