/** Texts about verdicts: failure rates, typical durations, and the runs that they are based on. */

import { el } from "./dom.js";
import { capitalise, fillIn, formatAge, formatDuration, formatPercent, pluralize } from "./format.js";
import { intervalBar } from "./inline-charts.js";
import { runStart } from "./links.js";
import { emptyMessage } from "./messages.js";
import phrases from "./phrases.js";
import { viewUrl } from "./urls.js";

// Minimum number of commits for a verdict, as in akastats/analysis/flakiness/classification.py.
const MIN_COMMITS = 5;

/** Return a sentence as a note. */
export function verdictNote(phrase, values) {
  return el("p", { class: "note" }, `${capitalise(fillIn(phrase, values))}.`);
}

/** Return the typical duration of a run as text. */
export function typicalText(seconds) {
  return fillIn(phrases.TYPICAL_DURATION, { duration: formatDuration(seconds) });
}

/** Return why the duration of a run differs from the typical one, from its ledger. */
export function differenceText({ seconds, typical, difference, speed_factor: speed, causes }) {
  const shown = `${formatDuration(seconds)}, ${typicalText(typical)}${durationDifference(difference, typical, causes)}`;
  return speed === null ? shown : `${shown}; ${machineSpeed(speed)}`;
}

/** Return the known texts about a run: typical duration, causes of a difference, machine speed. */
export function typicalTexts({ usual_seconds: typical, seconds, causes, pace: speed }) {
  return [
    typical !== null && typicalText(typical) + durationDifference(seconds - typical, typical, causes),
    speed !== null && machineSpeed(speed),
  ].filter(Boolean);
}

// The three functions below have the wording and bounds of akastats/report/phrases.py.
function durationDifference(difference, typical, causes) {
  if (Math.abs(difference) < phrases.MIN_DIFFERENCE * typical) return "";
  const isLarge = (seconds) => Math.abs(seconds / difference) >= phrases.MIN_PART;
  const same = causes
    .filter(({ seconds }) => seconds * difference > 0 && isLarge(seconds))
    .slice(0, phrases.MAX_CAUSES);
  const rest = same.reduce((left, { seconds }) => left - seconds, difference);
  const named = same.map((cause) => `${causeName(cause)} ${signedDuration(cause.seconds)}`);
  if (named.length && isLarge(rest)) named.push(`${phrases.OTHER_CAUSES} ${signedDuration(rest)}`);
  return ` (${signedDuration(difference)}${named.length ? ": " : ""}${named.join(", ")})`;
}

function causeName({ kind, name }) {
  const short = name.split("::").at(-1) || name;
  if (kind === "machine") return phrases.MACHINE_CAUSE;
  if (kind === "span") return phrases.SPAN_NAMES[name] ?? name;
  return kind === "test" ? short : `${kind} ${short}`;
}

function machineSpeed(speed) {
  if (Math.abs(speed - 1) <= phrases.MIN_DIFFERENCE) return phrases.NORMAL_SPEED;
  const phrase = speed > 1 ? phrases.SLOWER_MACHINE : phrases.FASTER_MACHINE;
  return fillIn(phrase, { factor: (speed > 1 ? speed : 1 / speed).toFixed(2) });
}

function signedDuration(seconds) {
  const size = Math.abs(seconds);
  return `${seconds < 0 ? "-" : "+"}${size >= 0.1 && size < 60 ? `${size.toFixed(2)} s` : formatDuration(size)}`;
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
