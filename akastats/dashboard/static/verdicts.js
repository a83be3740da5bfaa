/** Failure rates and the basis of verdicts. */

import { el } from "./dom.js";
import { formatAge, formatPercent, pluralize } from "./format.js";
import { intervalBar } from "./inline-charts.js";
import { runStart } from "./links.js";
import { emptyMessage } from "./messages.js";
import { viewUrl } from "./urls.js";

// As in akastats/analysis/flakiness/classification.py.
const MIN_COMMITS = 5;

/** Return a test's failure rate with its 95 % interval. */
export function failureRate({ rate, low, high }) {
  const label = `${formatPercent(rate)} of first attempts (95 % interval: ${formatPercent(low)} to ${formatPercent(high)})`;
  return el(
    "span",
    { class: "measure" },
    intervalBar(low, rate, high, label),
    el("span", {}, formatPercent(rate)),
  );
}

/** Return a message for missing verdicts or too few runs; else null. */
export function missingVerdictsMessage(verdicts, explanation) {
  if (!verdicts)
    return emptyMessage(
      "No verdicts yet",
      "Each run is analysed when it ends, together with earlier runs. Record a run with ",
      el("code", {}, "pytest --akastats"),
      ".",
    );
  if (verdicts.runs < MIN_COMMITS)
    return emptyMessage(
      `Not enough data: at least ${MIN_COMMITS} commits are needed`,
      `This suite has ${pluralize(verdicts.runs, "run")}. ${explanation}`,
    );
  return null;
}

/** Return the runs and the branch that the verdicts are based on. */
export function verdictBasis(verdicts) {
  const started = runStart(verdicts.run);
  return [
    `based on ${pluralize(verdicts.runs, "run")} up to `,
    el(
      "a",
      { href: viewUrl.run(verdicts.run), title: `run ${verdicts.run}` },
      started ? formatAge(started) : verdicts.run,
    ),
    verdicts.branch && [" on ", el("span", { class: "branch" }, verdicts.branch)],
  ];
}
