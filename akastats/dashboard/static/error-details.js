/** View of one error (fingerprint): when it occurred, in which runs and tests, and its newest traceback. */

import { fetchJson } from "./api.js";
import { chart } from "./chart.js";
import { el } from "./dom.js";
import { ageElement, branchName, shortCommit } from "./fields.js";
import { formatNumber, formatTime, pluralize } from "./format.js";
import { definitionList, pageHeader, section, showPage } from "./layout.js";
import { runLink, testLink } from "./links.js";
import { emptyMessage } from "./messages.js";
import { expandableTable, filledTable } from "./table.js";
import { traceback } from "./traceback.js";
import { apiUrl, viewUrl } from "./urls.js";

/** Show one error. */
export async function view(fingerprint) {
  const error = await fetchJson(apiUrl.error(fingerprint));
  showPage({
    title: error.exception ?? "Error",
    data: apiUrl.error(fingerprint),
    content: [header(error), tracebackSection(error), runsSection(error), testsSection(error)],
  });
}

function header(error) {
  const fields = [
    ["Last seen", ageElement(error.last_seen)],
    ["First seen", ageElement(error.first_seen)],
    ["Failures", formatNumber(error.count)],
    ["Runs", formatNumber(error.runs)],
    ["Tests", formatNumber(error.tests)],
    ["Newest run", error.newest_run && el("a", { href: viewUrl.run(error.newest_run) }, error.newest_run)],
    ["Fingerprint", el("code", {}, error.fingerprint)],
  ];
  return [
    pageHeader(error.exception ?? "Error without exception", {
      below: error.message && el("span", { class: "message" }, error.message),
    }),
    definitionList(fields),
  ];
}

function tracebackSection(error) {
  const frames =
    error.frames?.length > 0 &&
    el(
      "ol",
      { class: "frames" },
      error.frames.map((frame) => el("li", {}, el("code", {}, frame))),
    );
  const text = error.traceback
    ? traceback(error.traceback)
    : emptyMessage("The traceback has expired, or your token may not read it");
  return section("Newest traceback", { id: "traceback" }, frames || null, text);
}

function runsSection({ in_runs: runs }) {
  if (!runs?.length) return section("Runs", { id: "runs" }, emptyMessage("No stored run contains this error"));
  const oldestFirst = [...runs].reverse();
  const bars = chart({
    label: `Failures in ${pluralize(runs.length, "run")}`,
    height: 140,
    x: oldestFirst.map((run) => run.started),
    series: [{ name: "failures", values: oldestFirst.map((run) => run.count), colour: "--fail", kind: "points" }],
    colours: oldestFirst.map(() => "--fail"),
    describe: (index) => [
      el("b", {}, formatTime(oldestFirst[index].started)),
      el("span", {}, pluralize(oldestFirst[index].count, "test")),
    ],
    href: (index) => viewUrl.run(oldestFirst[index].run),
  });
  const columns = [
    { title: "Run", cell: (run) => runLink(run.run, run.started) },
    { title: "Branch", cell: (run) => branchName(run.branch) },
    { title: "Commit", wide: true, cell: (run) => shortCommit(run.commit) },
    { title: "Failures", number: true, cell: (run) => formatNumber(run.count) },
  ];
  return section(
    "Runs",
    { id: "runs", note: "newest 100" },
    runs.length > 1 && el("div", { class: "card" }, bars),
    expandableTable({ caption: "Runs", rows: runs, columns }),
  );
}

function testsSection({ in_tests: tests }) {
  const columns = [
    { title: "Test", grow: true, cell: (test) => testLink(test.nodeid, test.suite, { tag: true }) },
    { title: "Failures", number: true, cell: (test) => formatNumber(test.count) },
  ];
  return section(
    "Tests",
    { id: "tests" },
    tests?.length
      ? filledTable({ caption: "Tests", rows: tests, columns })
      : emptyMessage("No stored test contains this error"),
  );
}
