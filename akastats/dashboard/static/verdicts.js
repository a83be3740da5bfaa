/** Texts about verdicts: failure rates, typical durations, and the runs that they are based on. */

import { el } from "./dom.js";
import { capitalise, fillIn, formatAge, formatDuration, formatPercent, pluralize } from "./format.js";
import { intervalBar } from "./inline-charts.js";
import { runStart } from "./links.js";
import { emptyMessage } from "./messages.js";
import phrases from "./phrases.js";
import { viewUrl } from "./urls.js";

// As in akastats/analysis/flakiness/classification.py.
const MIN_COMMITS = 5;

/** Return a sentence as a note. */
export function verdictNote(phrase, values) {
  return el("p", { class: "note" }, `${capitalise(fillIn(phrase, values))}.`);
}

/** Return the typical duration of a run as text. */
export function typicalText(seconds) {
  return fillIn(phrases.TYPICAL_DURATION, { duration: formatDuration(seconds) });
}

/** Return the typical duration of a run and its machine speed factor as texts, without missing ones. */
export function typicalTexts({ usual_seconds: typical, pace: speed }) {
  return [
    typical !== null && typicalText(typical),
    speed !== null && fillIn(phrases.MACHINE_SPEED, { factor: speed.toFixed(2) }),
  ].filter(Boolean);
}

/** Return a test's failure rate with its 95 % interval. */
export function failureRate({ rate, low, high }) {
  const interval = fillIn(phrases.INTERVAL, { low: formatPercent(low), high: formatPercent(high) });
  const label = `${fillIn(phrases.FAILURE_RATE, { rate: formatPercent(rate) })} (${interval})`;
  return el(
    "span",
    { class: "measure" },
    intervalBar(low, rate, high, label),
    el("span", {}, formatPercent(rate)),
  );
}

/** Return a message for missing verdicts or too few runs; else null. */
export function missingVerdictsMessage(verdicts) {
  if (!verdicts)
    return emptyMessage(
      "No verdicts yet",
      "Each run is analysed when it ends, together with earlier runs. Record a run with ",
      el("code", {}, "pytest --akastats"),
      ".",
    );
  if (verdicts.runs < MIN_COMMITS)
    return emptyMessage(
      `${capitalise(phrases.NOT_ENOUGH_DATA)} for a verdict: at least ${MIN_COMMITS} commits are needed`,
      `This suite has ${pluralize(verdicts.runs, "run")}.`,
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
