/** Evidence for a test's state: the runs that failed, and what these failures have in common. */

import { el } from "./dom.js";
import { formatLastDay, pluralize } from "./format.js";
import { definitionList } from "./layout.js";
import { runLinkById, testLink } from "./links.js";

const MAX_RUNS = 5;

/** Return the evidence for a test's state; `together` are the node ids of tests that fail in the same runs. */
export function evidenceList(test, together = []) {
  const { suite } = test;
  const others = together.filter((nodeid) => nodeid !== test.nodeid);
  return definitionList([
    ["Failed in", test.evidence.length ? runList(test.evidence) : null],
    [
      `Workers (${pluralize(attemptCount(test.workers), "attempt")} in runs with several workers)`,
      workerList(test.workers),
    ],
    ["Ran directly before failed attempts", test.after.length ? precedingTests(test) : null],
    [
      "Fails in the same runs as",
      others.length ? bulletList(others.map((nodeid) => testLink(nodeid, suite))) : null,
    ],
    ["Probability of being flaky", test.state === "broken" ? null : `${Math.round(test.probability * 100)} %`],
    ["Quarantined", test.quarantine && `until ${formatLastDay(test.quarantine.until)}: ${test.quarantine.reason}`],
  ]);
}

function runList(ids) {
  const more = ids.length - MAX_RUNS;
  return bulletList([...ids.slice(0, MAX_RUNS).map(runLinkById), more > 0 && `${more} more`].filter(Boolean));
}

function attemptCount(workers) {
  return workers.reduce((sum, each) => sum + each.attempts, 0);
}

function workerList(workers) {
  if (!workers.length) return null;
  const failing = workers.filter((each) => each.failed);
  const others = workers.length - failing.length;
  const lines = failing.map(
    ({ worker, failed, attempts }) => `${worker || "no worker"}: ${failed} of ${pluralize(attempts, "attempt")}`,
  );
  return bulletList(
    [...lines, others > 0 && `no failures on ${pluralize(others, "other worker")}`].filter(Boolean),
  );
}

function precedingTests({ after, suite }) {
  return bulletList(after.map(({ nodeid, count }) => [testLink(nodeid, suite), ` ${pluralize(count, "time")}`]));
}

function bulletList(contents) {
  return el(
    "ul",
    {},
    contents.map((content) => el("li", {}, content)),
  );
}
