/** The field's own terms as elements: node ids, runs, commits, moments. */

import { el } from "./dom.js";
import { ago, counted, duration, moment, number } from "./format.js";
import { to } from "./place.js";
import { badge } from "./marks.js";

/** Return a test's node id as a link: the path quiet, the name plain; `tag` tells the suite too, among several. */
export function testLink(nodeid, suite, { tag = false } = {}) {
  return el(
    "a",
    { class: "nodeid", href: to.test(nodeid, suite) },
    split(nodeid),
    tag && suite && [" ", el("span", { class: "tag" }, suite)],
  );
}

/** Return a node id as text, the path quiet. */
export function nodeName(nodeid) {
  return el("span", { class: "nodeid" }, split(nodeid));
}

function split(nodeid) {
  const at = nodeid.indexOf("::");
  if (at < 0) return breakable(nodeid);
  return [
    el("span", { class: "quiet" }, breakable(nodeid.slice(0, at + 2))),
    el("wbr"),
    breakable(nodeid.slice(at + 2)),
  ];
}

/** Return text that may break after its slashes and underscores, not in the midst of a word. */
export function breakable(text) {
  return text.split(/(?<=[/_])(?=[^/_])/).flatMap((piece, at) => (at ? [el("wbr"), piece] : [piece]));
}

/** Return a run's moment as a link to it, with the id for whoever hovers. */
export function runLink(id, started) {
  return el("a", { class: "whole", href: to.run(id), title: `run ${id}` }, started ? moment(started) : id);
}

/** Return the moment that a run's id begins with, in epoch seconds; null for an id that is none of ours. */
export function momentOf(id) {
  const found = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)/.exec(id ?? "");
  if (!found) return null;
  const [year, month, ...rest] = found.slice(1).map(Number);
  return Date.UTC(year, month - 1, ...rest) / 1000;
}

/** Return a run that only its id is known of as a link that says its moment. */
export function runById(id) {
  return id ? runLink(id, momentOf(id)) : null;
}

/** Return a commit's short id. */
export function commitId(commit, dirty = false) {
  if (!commit) return null;
  return el(
    "code",
    { class: "commit", title: dirty ? `${commit}, with changes not committed` : commit },
    commit.slice(0, 8),
    dirty ? "+" : "",
  );
}

/** Return a tag for a run that does not stand for its branch: of a pull request, or inside another run. */
export function kindOfRun({ pull_request: number, nested }) {
  if (nested) return el("span", { class: "tag", title: "It ran inside another run" }, "nested");
  if (!number) return null;
  return el("span", { class: "tag" }, number === "true" ? "pull request" : `pull request ${number}`);
}

/** Return a branch's name. */
export function branchName(branch) {
  return branch ? el("span", { class: "branch", title: branch }, branch) : null;
}

/** Return a moment as an age that says the moment when hovered. */
export function age(seconds) {
  if (!seconds) return "–";
  const stamp = new Date(seconds * 1000);
  const iso = Number.isNaN(stamp.getTime()) ? null : stamp.toISOString();
  return el("time", { datetime: iso, title: moment(seconds, "long") }, ago(seconds));
}

/** Return the columns that tables of runs share. */
export const runColumns = [
  {
    title: "Status",
    cell: (run) => el("a", { class: "bare", href: to.run(run.id), title: `run ${run.id}` }, badge(run.status)),
  },
  { title: "Branch", cell: (run) => [branchName(run.branch), " ", kindOfRun(run)] },
  { title: "Commit", cell: (run) => commitId(run.commit, run.dirty), wide: true },
  { title: "Suite", cell: (run) => run.suite, wide: true },
  {
    title: "Tests",
    number: true,
    wide: true,
    cell: (run) => (run.status === "running" ? progress(run) : run.tests),
  },
  { title: "Failed", number: true, hint: "tests, and files that could not be collected", cell: failed },
  { title: "Duration", number: true, cell: (run) => duration(run.duration), wide: true },
  { title: "Started", number: true, cell: (run) => age(run.started) },
];

/** Return a run's tests by outcome as a bar takes them. */
export function countsOf(run) {
  const names = ["passed", "failed", "errors", "skipped", "xfailed", "xpassed"];
  return names.map((name) => [name === "errors" ? "error" : name, run[name] ?? 0]);
}

/** Return how many tests a run has: in progress those it will run, once they are collected. */
export function expectedTests(run) {
  return run.status === "running" ? Math.max(run.planned ?? 0, run.tests ?? 0) : (run.tests ?? 0);
}

/** Return how far a run is: `12 of 40 tests`; `40 tests` at its end, and where the number to come is unknown. */
export function progress(run) {
  const [done, expected] = [run.tests ?? 0, expectedTests(run)];
  return done < expected ? `${number(done)} of ${counted(expected, "test")}` : counted(done, "test");
}

/** Return how many tests of a run fail. */
export function failedCount(run) {
  return (run.failed ?? 0) + (run.errors ?? 0);
}

/** Return how much of a run failed. */
export function failed(run) {
  const count = failedCount(run) + (run.collect_errors ?? 0);
  return count ? el("b", { class: "bad" }, count) : run.tests === null ? null : 0;
}
