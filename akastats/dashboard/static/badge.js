/** Badges for the status of runs, the outcome of tests and the state of flaky tests. */

import { el } from "./dom.js";
import { OUTCOME_OF_LETTER } from "./outcomes.js";
import phrases from "./phrases.js";

const BADGE_SIGNS = {
  passed: "✓",
  failed: "✕",
  error: "!",
  crashed: "!",
  interrupted: "◼",
  running: "",
  empty: "∅",
  skipped: "–",
  healthy: "✓",
  flaky: "~",
  broken: "✕",
  undecided: "?",
  new: "∗",
  slower: "↑",
  faster: "↓",
};

const STATES = ["healthy", "flaky", "broken", "undecided", "new", "slower", "faster"];
const RUN_STATUSES = ["running", "crashed", "interrupted", "empty"];
const NAMES = new Set([...Object.values(OUTCOME_OF_LETTER), ...RUN_STATUSES, ...STATES]);

/** Return the displayed word of a state. */
export function stateText(state) {
  return phrases.STATES[state] ?? state;
}

/** Return a badge: symbol, word and colour. */
export function badge(state, { small = false } = {}) {
  const name = state ?? "unknown";
  const size = small ? "badge small" : "badge";
  return el(
    "span",
    { class: `${size} is-${NAMES.has(name) ? name : "unknown"}` },
    el("i", { "aria-hidden": "true" }, BADGE_SIGNS[name] ?? "·"),
    stateText(name),
  );
}
