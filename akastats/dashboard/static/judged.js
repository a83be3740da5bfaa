/** What verdicts say, as words and marks: labels of failures, states of tests, rates, changes of a duration. */

import { list } from "./api.js";
import { el, fill } from "./dom.js";
import { ago, counted, duration, number, percent } from "./format.js";
import { choice } from "./listing.js";
import { badge, interval } from "./marks.js";
import { nothing } from "./parts.js";
import { asked, goWith, isAsked, remember, to } from "./place.js";
import { breakable, commitId, momentOf, runById, testLink } from "./words.js";

/** A test on fewer commits is only new: as akastats/analysis/flakiness/classification.py. */
const LEAST_COMMITS = 5;

/** Return the suite whose verdicts are looked at: the address's, else the newest run's; empty: of runs without one. */
export async function judgedSuite() {
  if (isAsked("suite")) return asked("suite");
  const newest = await list("runs", { limit: 1 });
  const suite = newest.items[0]?.suite ?? "";
  remember({ suite });
  return suite;
}

/** Return the controls by which the suite and the branch are chosen whose newest verdicts are shown. */
export function judgedControls({ suites, branches, default_branch: usual }) {
  const suite = choice("suite", "Suite", suites, "runs without a suite");
  const branch = choice("branch", "Branch", branches, usual ? `${usual} (default)` : "the default branch");
  const controls = [suites.length > 0 && suite, branches.length > 1 && branch].filter(Boolean);
  for (const control of controls) control.listen(() => goWith(control.name, control.value()));
  return el(
    "div",
    { class: "bar" },
    controls.map((control) => control.element),
  );
}

/** Name the branch that is shown where none was chosen. */
export function nameDefault(judged) {
  const option = document.querySelector("select[name=branch] option[value='']");
  if (option && judged?.branch && !asked("branch")) fill(option, `${judged.branch} (default)`);
}

/** Return a question for the newest verdicts of a suite; an empty one is said too, for without one any suite's are meant. */
export function ofSuite(path, suite) {
  return `${path}?suite=${encodeURIComponent(suite)}`;
}

const KINDS = { new: "new", "known flaky": "flaky", quarantined: "held", "also failing on base": "base" };

/** Return a failure's label: did this change break it, or was it so before? */
export function labelTag(label, rate = null, count = null) {
  const words = [count, label, label === "known flaky" && rate !== null && percent(rate)];
  const title = HINTS[label] ?? null;
  return el("span", { class: `tag ${KINDS[label] ?? ""}`, title }, words.filter(Boolean).join(" "));
}

const HINTS = {
  new: "passed on this code's base until now",
  "known flaky": "fails now and then without a reason in the code; so much of its first attempts",
  "also failing on base": "failed on the base branch too when that last ran",
  quarantined: "does not fail the run",
};

/** Return the labels of some failing tests as tags, each once, with how many have it among several. */
export function labelTags(judged) {
  const isOne = judged.length === 1;
  return [...Map.groupBy(judged, (one) => one.label)]
    .filter(([label]) => label)
    .map(([label, those]) =>
      labelTag(label, those.length === 1 ? those[0].rate : null, isOne ? null : those.length),
    );
}

/** Return how often a test fails, with the interval in which that lies at 95 %. */
export function rateOf({ rate, low, high }) {
  const words = `${percent(rate)} of first attempts; between ${percent(low)} and ${percent(high)} at 95 %`;
  return el("span", { class: "measure" }, interval(low, rate, high, words), el("span", {}, percent(rate)));
}

// From half to four times; steps of the same factor are as wide.
const scaled = (factor) => (Math.log2(factor) + 1) / 3;

/** Return a change's factor with its interval. */
export function factorOf({ ratio, low, high }) {
  const words = `${factor(ratio)}; between ${factor(low)} and ${factor(high)} at 95 %`;
  return el(
    "span",
    { class: "measure" },
    interval(scaled(low), scaled(ratio), scaled(high), words, { mark: scaled(1) }),
    el("b", { class: ratio > 1 ? "bad" : "good" }, factor(ratio)),
  );
}

/** Return a factor as people write it: `×1.96`. */
export function factor(value) {
  return `×${value < 10 ? value.toFixed(2) : number(Math.round(value))}`;
}

/** Return what a change is of as a link: a test, a fixture, a file, a number, or the suite. */
export function subject({ kind, name, label, nodeid, suite }) {
  if (kind === "suite") return el("b", {}, "The suite as a whole");
  if (kind === "test" && nodeid) return testLink(nodeid, suite);
  const tag = { fixture: "fixture", collect: "collection" }[kind];
  return [
    el("a", { class: "nodeid", href: to.stats({ label }) }, breakable(name.replace(/^::/, ""))),
    tag && [" ", el("span", { class: "tag" }, tag)],
  ];
}

/** Return in which direction a change went, and whether it is sure by now. */
export function standing({ is_suspected: isSuspected, is_slower: isSlower, runs_after: after }) {
  const runs = `${counted(after, "run")} at the new level`;
  const [word, title] = isSuspected ? ["suspected", `${runs}: from five on it is confirmed`] : ["confirmed", runs];
  return [
    badge(isSlower ? "slower" : "faster", { small: true }),
    el("span", { class: `tag ${word}`, title }, word),
  ];
}

/** Return between which commits and runs a change came in. */
export function culprit(change) {
  const since = [commitId(change.since_commit), " ", runById(change.since)];
  const until = [commitId(change.until_commit), " ", runById(change.until)];
  return el("span", { class: "culprit" }, "after ", since, ", at the latest in ", until);
}

/** Return what is said where nothing was judged yet, or too little is known to. */
export function notYet(judged, what) {
  if (!judged)
    return nothing(
      "Nothing was judged yet",
      "Each run is judged once it has ended, by the runs before it. Record one with ",
      el("code", {}, "pytest --akastats"),
      ".",
    );
  if (judged.runs < LEAST_COMMITS)
    return nothing(
      `Not enough runs yet: ${LEAST_COMMITS} commits needed`,
      `${counted(judged.runs, "run")} of this suite ${judged.runs === 1 ? "is" : "are"} known. ${what}`,
    );
  return null;
}

/** Return by what the verdicts that are shown were reached. */
export function basis(judged) {
  const moment = momentOf(judged.run);
  return [
    `by ${counted(judged.runs, "run")} up to `,
    el("a", { href: to.run(judged.run), title: `run ${judged.run}` }, moment ? ago(moment) : judged.run),
    judged.branch && [" on ", el("span", { class: "branch" }, judged.branch)],
  ];
}

/** Return `80.0 ms → 161 ms`. */
export function steps({ before, after }) {
  return el("span", { class: "whole" }, duration(before), " → ", duration(after));
}
