/** Counts of a run's tests. */

import { el } from "./dom.js";
import { formatNumber, pluralize } from "./format.js";

/** Return the number of tests per outcome, as `[name, count]` pairs for `stackedBar`. */
export function outcomeCounts(run) {
  const names = ["passed", "failed", "errors", "skipped", "xfailed", "xpassed"];
  return names.map((name) => [name === "errors" ? "error" : name, run[name] ?? 0]);
}

/** Return the number of tests of a run; while it runs, the number of collected tests. */
export function expectedTests(run) {
  return run.status === "running" ? Math.max(run.planned ?? 0, run.tests ?? 0) : (run.tests ?? 0);
}

/** Return the progress of a run: `12 of 40 tests`, or `40 tests`. */
export function progressText(run) {
  const [done, expected] = [run.tests ?? 0, expectedTests(run)];
  return done < expected ? `${formatNumber(done)} of ${pluralize(expected, "test")}` : pluralize(done, "test");
}

/** Return the number of failed tests, errors included. */
export function failureCount(run) {
  return (run.failed ?? 0) + (run.errors ?? 0);
}

/** Return the number of failures of a run, collection errors included, as a table cell. */
export function failureCell(run) {
  const count = failureCount(run) + (run.collect_errors ?? 0);
  return count ? el("b", { class: "bad" }, count) : run.tests === null ? null : 0;
}
