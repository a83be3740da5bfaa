/** Small marks in lines of text and tables, as SVG: strips, sparklines, bars. Shape tells as much as colour does. */

import { el, svg } from "./dom.js";
import { known } from "./format.js";

/** Letters of outcome strings. */
export const OUTCOMES = {
  p: "passed",
  f: "failed",
  e: "error",
  x: "xfailed",
  X: "xpassed",
  r: "rerun",
  s: "skipped",
  "?": "unknown",
  ".": "absent",
};

/** The colour of each outcome, as a property of the style sheet. */
export const INKS = {
  passed: "--pass",
  failed: "--fail",
  error: "--error",
  rerun: "--rerun",
  skipped: "--skip",
  xfailed: "--xfail",
  xpassed: "--xpass",
};

const STEP = 4;
const HEIGHT = 16;
// What went well stands low, what did not stands out.
const TALL = { f: 16, e: 16, r: 12, x: 10, X: 10, p: 7, "?": 4, s: 4 };

/** Return the strip of an outcome string given newest first; drawn oldest first, the newest at the right. */
export function strip(outcomes, { slots = 30, label } = {}) {
  const letters = [...outcomes].reverse();
  const offset = slots - letters.length;
  const bars = letters.map((letter, place) => bar((offset + place) * STEP, letter));
  return svg(
    "svg",
    { class: "strip", width: slots * STEP, height: HEIGHT, role: "img", "aria-label": label ?? told(letters) },
    bars,
  );
}

function bar(x, letter) {
  const height = TALL[letter] ?? 4;
  const name = OUTCOMES[letter] ?? "unknown";
  return svg("rect", { class: `is-${name}`, x, y: HEIGHT - height, width: STEP - 1, height, rx: 0.75 });
}

function told(letters) {
  const bad = letters.filter((letter) => "fe".includes(letter)).length;
  return `${bad} of the last ${letters.length} attempts failed`;
}

/** Return a line through values given newest first (null: a gap), the newest at the right. */
export function sparkline(values, { width = 80, height = 20, slots = 30 } = {}) {
  const line = [...values].reverse();
  const numbers = line.filter(known);
  if (!numbers.length) return svg("svg", { class: "sparkline", width, height, "aria-hidden": "true" });
  const top = Math.max(...numbers);
  const low = Math.min(...numbers);
  const step = (width - 4) / Math.max(slots - 1, 1);
  const x = (place) => width - 2 - (line.length - 1 - place) * step;
  // A span of a tenth at least: noise in a steady test shall not look like drama.
  const span = Math.max(top - low, top * 0.1, 1e-9);
  const y = (value) => height - 3 - ((value - low) / span) * (height - 6);
  const points = line.flatMap((value, place) => (known(value) ? [`${round(x(place))},${round(y(value))}`] : []));
  const [lastX, lastY] = points.at(-1).split(",");
  return svg(
    "svg",
    { class: "sparkline", width, height, "aria-hidden": "true" },
    svg("polyline", { points: points.join(" ") }),
    svg("circle", { cx: lastX, cy: lastY, r: 1.75 }),
  );
}

/** Return a bar of shares: `[["passed", 801], ["failed", 2]]`; what is there is seen, however small. */
export function shares(counts, total) {
  const parts = counts.filter(([, count]) => count > 0);
  const whole = total || parts.reduce((sum, [, count]) => sum + count, 0) || 1;
  const label = parts.map(([name, count]) => `${count} ${name}`).join(", ") || "nothing yet";
  return el(
    "span",
    { class: "shares", role: "img", "aria-label": label, title: label },
    parts.map(([name, count]) => el("i", { class: `is-${name}`, vars: { "--share": count / whole } })),
  );
}

/** Return a bar for one value among others, `share` from 0 to 1. */
export function meter(share) {
  return el(
    "span",
    { class: "meter", "aria-hidden": "true" },
    el("i", { vars: { "--share": Math.min(1, share || 0) } }),
  );
}

const BAR = 72;

/** Return an interval on a scale from 0 to 1 with its likeliest value, all in one picture that `label` tells. */
export function interval(low, at, high, label, { mark = null } = {}) {
  const x = (share) => round(2 + Math.min(1, Math.max(0, share)) * (BAR - 4));
  return svg(
    "svg",
    { class: "interval", width: BAR, height: 14, role: "img", "aria-label": label },
    svg("title", {}, label),
    svg("rect", { class: "track", x: 2, y: 6, width: BAR - 4, height: 2, rx: 1 }),
    mark !== null && svg("rect", { class: "mark", x: x(mark) - 0.5, y: 1, width: 1, height: 12 }),
    svg("rect", {
      class: "reach",
      x: x(low),
      y: 4,
      width: round(Math.max(2, x(high) - x(low))),
      height: 6,
      rx: 2,
    }),
    svg("rect", { class: "at", x: x(at) - 1, y: 2, width: 2, height: 10, rx: 1 }),
  );
}

const SIGNS = {
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

/** Return a verdict as a badge: colour, sign and word. */
export function badge(word, { small = false } = {}) {
  const name = word ?? "unknown";
  const kind = small ? "badge small" : "badge";
  return el(
    "span",
    { class: `${kind} is-${classOf(name)}` },
    el("i", { "aria-hidden": "true" }, SIGNS[name] ?? "·"),
    name,
  );
}

const STATES = ["healthy", "flaky", "broken", "undecided", "new", "slower", "faster"];
const NAMES = new Set([...Object.values(OUTCOMES), "running", "crashed", "interrupted", "empty", ...STATES]);

function classOf(name) {
  return NAMES.has(name) ? name : "unknown";
}

function round(value) {
  return Math.round(value * 10) / 10;
}
