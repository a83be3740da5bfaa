/** Why a test is called flaky or broken: the runs that say so, and what its failures have in common. */

import { el } from "./dom.js";
import { counted, lastDay } from "./format.js";
import { facts } from "./parts.js";
import { runById, testLink } from "./words.js";

const SHOWN_RUNS = 5;

/** Return what is said of a run in which far more failed than usual. */
export function outage() {
  return el(
    "p",
    { class: "note" },
    "Far more failed in this run than usual: it is no evidence against a test, and was left out.",
  );
}

/** Return what speaks for a test's state: runs, workers, what ran before it, and what fails together with it. */
export function evidence(test, together = []) {
  const { suite } = test;
  const others = together.filter((nodeid) => nodeid !== test.nodeid);
  return facts([
    ["Failed in", test.evidence.length ? runs(test.evidence) : null],
    [`On workers, of ${counted(attempts(test.workers), "attempt")} in runs with several`, workers(test.workers)],
    ["Where it failed, right before ran", test.after.length ? before(test) : null],
    ["Fails together with", others.length ? items(others.map((nodeid) => testLink(nodeid, suite))) : null],
    ["Probability of being flaky", test.state === "broken" ? null : `${Math.round(test.probability * 100)} %`],
    [
      "In quarantine",
      test.quarantine && `until ${lastDay(test.quarantine.until)}: ${test.quarantine.reason}`,
    ],
  ]);
}

function runs(ids) {
  const more = ids.length - SHOWN_RUNS;
  return items([...ids.slice(0, SHOWN_RUNS).map(runById), more > 0 && `${more} more`].filter(Boolean));
}

function attempts(found) {
  return found.reduce((sum, one) => sum + one.attempts, 0);
}

function workers(found) {
  if (!found.length) return null;
  const failing = found.filter((one) => one.failed);
  const rest = found.length - failing.length;
  const words = failing.map(
    ({ worker, failed, attempts }) => `${worker || "no worker"}: ${failed} of ${counted(attempts, "attempt")}`,
  );
  return items([...words, rest > 0 && `never on ${counted(rest, "other")}`].filter(Boolean));
}

function before({ after, suite }) {
  return items(after.map(({ nodeid, count }) => [testLink(nodeid, suite), ` ${counted(count, "time")}`]));
}

function items(contents) {
  return el(
    "ul",
    {},
    contents.map((content) => el("li", {}, content)),
  );
}
