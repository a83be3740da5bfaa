/** Lasting changes of durations, grouped if several tests changed in the same run. */

import { acknowledgementButtons, acknowledgementTag } from "./acknowledgements.js";
import { badge } from "./badge.js";
import { el } from "./dom.js";
import { shortCommit } from "./fields.js";
import { fillIn, formatDuration, formatFactor, pluralize } from "./format.js";
import { intervalBar } from "./inline-charts.js";
import { breakableText, runLinkById, testLink } from "./links.js";
import phrases from "./phrases.js";
import { viewUrl } from "./urls.js";

// The scale is logarithmic, from ×0.5 (0) to ×4 (1).
const logScale = (factor) => (Math.log2(factor) + 1) / 3;

/** Return the ratio of a change with its 95 % interval. */
function ratioWithInterval({ ratio, low, high }) {
  const label = `${formatFactor(ratio)} (95 % interval: ${formatFactor(low)} to ${formatFactor(high)})`;
  return el(
    "span",
    { class: "measure" },
    intervalBar(logScale(low), logScale(ratio), logScale(high), label, { mark: logScale(1) }),
    el("b", { class: ratio > 1 ? "bad" : "good" }, formatFactor(ratio)),
  );
}

/** Return a link to the subject of a change: a test, fixture, file, import, span, label, or the suite. */
function changeSubject({ kind, name, label, nodeid, suite }) {
  if (kind === "suite") return el("b", {}, "Whole suite");
  if (kind === "test" && nodeid) return testLink(nodeid, suite);
  const tag = { fixture: "fixture", collect: "collection", import: "import", span: "span" }[kind];
  const shown = kind === "span" ? (phrases.SPAN_NAMES[name] ?? name) : name.replace(/^::/, "");
  return [
    el("a", { class: "nodeid", href: viewUrl.stats({ label }) }, breakableText(shown)),
    tag && [" ", el("span", { class: "tag" }, tag)],
  ];
}

function changeStatus({ is_suspected: isSuspected, is_slower: isSlower, runs_after: runsAfter }) {
  const certainty = isSuspected ? phrases.SUSPECTED : phrases.CONFIRMED;
  return [
    badge(isSlower ? "slower" : "faster", { small: true }),
    el(
      "span",
      { class: isSuspected ? "tag suspected" : "tag" },
      fillIn(certainty, { runs: pluralize(runsAfter, "run") }),
    ),
  ];
}

function changeCommits(change) {
  const since = [shortCommit(change.since_commit), " ", runLinkById(change.since)];
  const until = [shortCommit(change.until_commit), " ", runLinkById(change.until)];
  return el("span", { class: "commit-range" }, "caused between ", since, " and ", until);
}

const FIRST_SHOWN = 5;

/**
 * Return one element per change or group, in the order of `changes`; a group takes the position of its first change.
 *
 * `run` is the run whose verdicts hold the changes. Null hides the acknowledgement buttons.
 */
export function changeList(changes, run) {
  return groupChanges(changes).map((members) =>
    members.length > 1 ? changeGroup(members, run) : changeCard(members[0], run),
  );
}

/** Return changes as lists, one per group; a group takes the position of its first change. */
export function groupChanges(changes) {
  return [...Map.groupBy(changes, ({ group, id }) => group ?? `alone ${id}`).values()];
}

function changeGroup(changes, run) {
  const [first] = changes;
  const ratios = changes.map((change) => change.ratio).sort((a, b) => a - b);
  const rest = changes.slice(FIRST_SHOWN);
  const rows = el(
    "div",
    {},
    changes.slice(0, FIRST_SHOWN).map((change) => changeCard(change, run)),
  );
  const open = () => (rows.append(...rest.map((change) => changeCard(change, run))), more.remove());
  const more = el("button", { class: "plain", on: { click: open } }, `${rest.length} more`);
  return el(
    "section",
    { class: "change-group" },
    el(
      "div",
      { class: "headline" },
      el("h3", {}, `${changes.length} durations changed together`),
      el("span", { class: "muted" }, `${formatFactor(ratios[0])} to ${formatFactor(ratios.at(-1))}`),
      el("span", { class: "muted" }, "most likely in run ", runLinkById(first.run)),
    ),
    rows,
    rest.length > 0 && more,
  );
}

/** Return the element of one change; `run` has the same meaning as for `changeList`. */
export function changeCard(change, run) {
  const { before, after } = change;
  const durations = el("span", { class: "nowrap" }, formatDuration(before), " → ", formatDuration(after));
  return el(
    "article",
    { class: "change-card" },
    el(
      "div",
      { class: "subject" },
      changeStatus(change),
      changeSubject(change),
      change.is_new && el("span", { class: "tag new" }, "new"),
    ),
    el("div", { class: "size" }, durations, ratioWithInterval(change)),
    el(
      "div",
      { class: "note" },
      changeCommits(change),
      ", environment ",
      el("span", { title: "suite, workers, machine and Python" }, change.environment),
    ),
    el(
      "div",
      { class: "acknowledgement" },
      run ? acknowledgementButtons(change, run) : acknowledgementTag(change.mark),
    ),
  );
}

/** Return the level at each run per environment; null if unknown. Run ids sort by time. */
export function levelsByEnvironment(runs, changes) {
  const environments = [...new Set(changes.map((change) => change.environment))];
  return environments.map((name) => {
    const ofEnvironment = changes.filter((change) => change.environment === name);
    ofEnvironment.sort((a, b) => (a.run < b.run ? -1 : 1));
    return runs.map((run) => levelAt(run, ofEnvironment));
  });
}

function levelAt(run, changes) {
  if (!run) return null;
  const newest = changes.findLast((change) => change.run <= run);
  return newest ? newest.after : (changes[0]?.before ?? null);
}
