/** Error: one fingerprint over time: when, in which runs and tests, with its newest traceback. */

import { read } from "./api.js";
import { chart } from "./chart.js";
import { el } from "./dom.js";
import { counted, moment, number } from "./format.js";
import { facts, head, nothing, section, show } from "./parts.js";
import { api, to } from "./place.js";
import { filledTable, foldedTable } from "./table.js";
import { traceback } from "./traceback.js";
import { age, branchName, commitId, runLink, testLink } from "./words.js";

/** Show one error. */
export async function view(fingerprint) {
  const error = await read(api.error(fingerprint));
  show({
    title: error.exception ?? "Error",
    data: api.error(fingerprint),
    content: [header(error), newest(error), runs(error), tests(error)],
  });
}

function header(error) {
  const pairs = [
    ["Last seen", age(error.last_seen)],
    ["First seen", age(error.first_seen)],
    ["Times", number(error.count)],
    ["Runs", number(error.runs)],
    ["Tests", number(error.tests)],
    ["Newest run", error.newest_run && el("a", { href: to.run(error.newest_run) }, error.newest_run)],
    ["Fingerprint", el("code", {}, error.fingerprint)],
  ];
  return [
    head(error.exception ?? "An error", {
      below: error.message && el("span", { class: "message" }, error.message),
    }),
    facts(pairs),
  ];
}

function newest(error) {
  const frames =
    error.frames?.length > 0 &&
    el(
      "ol",
      { class: "frames" },
      error.frames.map((frame) => el("li", {}, el("code", {}, frame))),
    );
  const text = error.traceback
    ? traceback(error.traceback)
    : nothing("Its traceback has expired, or this token may not read it");
  return section("Newest traceback", { id: "traceback" }, frames || null, text);
}

function runs({ in_runs: found }) {
  if (!found?.length) return section("Runs", { id: "runs" }, nothing("No run with it is kept"));
  const oldest = [...found].reverse();
  const bars = chart({
    label: `Times in ${counted(found.length, "run")}`,
    height: 140,
    x: oldest.map((run) => run.started),
    series: [{ name: "times", values: oldest.map((run) => run.count), colour: "--fail", kind: "points" }],
    colours: oldest.map(() => "--fail"),
    tell: (at) => [el("b", {}, moment(oldest[at].started)), el("span", {}, counted(oldest[at].count, "test"))],
    go: (at) => to.run(oldest[at].run),
  });
  const columns = [
    { title: "Run", cell: (run) => runLink(run.run, run.started) },
    { title: "Branch", cell: (run) => branchName(run.branch) },
    { title: "Commit", wide: true, cell: (run) => commitId(run.commit) },
    { title: "Times", number: true, cell: (run) => number(run.count) },
  ];
  return section(
    "Runs",
    { id: "runs", note: "the newest 100" },
    found.length > 1 && el("div", { class: "card" }, bars),
    foldedTable({ caption: "Runs", rows: found, columns }),
  );
}

function tests({ in_tests: found }) {
  const columns = [
    { title: "Test", grow: true, cell: (test) => testLink(test.nodeid, test.suite, { tag: true }) },
    { title: "Times", number: true, cell: (test) => number(test.count) },
  ];
  return section(
    "Tests",
    { id: "tests" },
    found?.length ? filledTable({ caption: "Tests", rows: found, columns }) : nothing("No test with it is known"),
  );
}
