/** Lasting changes of durations, one by one or grouped by what moved together, and what people say of them. */

import { send } from "./api.js";
import { el, fill } from "./dom.js";
import { counted } from "./format.js";
import { culprit, factor, factorOf, standing, steps, subject } from "./judged.js";
import { api } from "./place.js";
import { age, runById } from "./words.js";

const MARKS = [
  ["acknowledged", "Acknowledge", "known; it is listed as before"],
  ["expected", "Expected", "it was to be: no news any more"],
  ["noise", "Noise", "no change at all: no news any more"],
];
const FEW = 5;

/**
 * Return changes as given, newest first; those that moved together stand in one frame, at the place of the first.
 *
 * `run` is whose verdicts they are out of where they may be marked, else null.
 */
export function groups(changes, run) {
  return grouped(changes).map((those) => (those.length > 1 ? group(those, run) : move(those[0], run)));
}

/** Return changes as lists of those that moved together, each at the place of its first. */
export function grouped(changes) {
  return [...Map.groupBy(changes, ({ group: place, id }) => place ?? `alone ${id}`).values()];
}

function group(changes, run) {
  const [first] = changes;
  const ratios = changes.map((change) => change.ratio).sort((one, other) => one - other);
  const rest = changes.slice(FEW);
  const rows = el(
    "div",
    {},
    changes.slice(0, FEW).map((change) => move(change, run)),
  );
  const open = () => (rows.append(...rest.map((change) => move(change, run))), more.remove());
  const more = el("button", { class: "plain", on: { click: open } }, `${rest.length} more`);
  return el(
    "section",
    { class: "together" },
    el(
      "div",
      { class: "headline" },
      el("h3", {}, `${changes.length} moved together`),
      el("span", { class: "quiet" }, `${factor(ratios[0])} to ${factor(ratios.at(-1))}`),
      el("span", { class: "quiet" }, "most likely at ", runById(first.run)),
    ),
    rows,
    rest.length > 0 && more,
  );
}

/** Return one change: of what, from what to what, since when, how sure; `run` as for `groups`. */
export function move(change, run) {
  return el(
    "article",
    { class: "move" },
    el(
      "div",
      { class: "what" },
      standing(change),
      subject(change),
      change.is_new && el("span", { class: "tag new" }, "new"),
    ),
    el("div", { class: "size" }, steps(change), factorOf(change)),
    el(
      "div",
      { class: "note" },
      culprit(change),
      `, ${counted(change.runs_after, "run")} since, `,
      change.environment,
    ),
    el("div", { class: "marks" }, run ? buttons(change, run) : told(change.mark)),
  );
}

function told(mark) {
  return mark && el("span", { class: "tag", title: mark.reason }, mark.mark, " ", age(mark.since));
}

function buttons(change, run) {
  let name = change.mark?.mark ?? null;
  const said = el("span", { class: "note", role: "status" });
  const why = el("input", { type: "text", maxlength: 500, placeholder: "why?", "aria-label": "Reason" });
  why.value = change.mark?.reason ?? "";
  const all = MARKS.map(([word, title, hint]) =>
    el("button", { class: "chip", title: hint, on: { click: () => say(word === name ? null : word) } }, title),
  );
  const update = () => {
    all.forEach((button, at) => button.setAttribute("aria-pressed", String(MARKS[at][0] === name)));
    why.hidden = name === null;
  };
  // Pressed once more a button takes back what it said.
  const put = async (word) => {
    try {
      if (word === null) await send("DELETE", api.mark(change.id, run));
      else await send("PUT", api.mark(change.id, run), { mark: word, reason: why.value });
      name = word;
      fill(said);
      update();
    } catch (error) {
      fill(said, error.message);
    }
  };
  // Leaving the reason for another button says two things, one after the other.
  let turn = Promise.resolve();
  const say = (word) => (turn = turn.then(() => put(word)));
  why.addEventListener("change", () => say(name));
  update();
  return [all, why, said];
}

/** Return for each environment the level in force at each run, null where none is known; run ids sort by time. */
export function levelsOf(runs, changes) {
  const environments = [...new Set(changes.map((change) => change.environment))];
  return environments.map((name) => {
    const steps_ = changes.filter((change) => change.environment === name);
    steps_.sort((one, other) => (one.run < other.run ? -1 : 1));
    return runs.map((run) => level(run, steps_));
  });
}

function level(run, changes) {
  if (!run) return null;
  const newest = changes.findLast((change) => change.run <= run);
  return newest ? newest.after : (changes[0]?.before ?? null);
}
