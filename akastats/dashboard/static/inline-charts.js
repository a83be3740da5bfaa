/** Small SVG charts for tables and text. Outcomes differ in shape as well as colour. */

import { el, svg } from "./dom.js";
import { isNumber } from "./format.js";
import { OUTCOME_OF_LETTER } from "./outcomes.js";

const BAR_STEP = 4;
const STRIP_HEIGHT = 16;

// Failures are the tallest bars.
const BAR_HEIGHTS = { f: 16, e: 16, r: 12, x: 10, X: 10, p: 7, "?": 4, s: 4 };

/** Return a strip of outcomes. `outcomes` has one letter per attempt, newest first. */
export function outcomeStrip(outcomes, { slots = 30, label } = {}) {
  const letters = [...outcomes].reverse();
  const offset = slots - letters.length;
  const bars = letters.map((letter, index) => bar((offset + index) * BAR_STEP, letter));
  return svg(
    "svg",
    {
      class: "strip",
      width: slots * BAR_STEP,
      height: STRIP_HEIGHT,
      role: "img",
      "aria-label": label ?? describeOutcomes(letters),
    },
    bars,
  );
}

function bar(x, letter) {
  const height = BAR_HEIGHTS[letter] ?? 4;
  const name = OUTCOME_OF_LETTER[letter] ?? "unknown";
  return svg("rect", { class: `is-${name}`, x, y: STRIP_HEIGHT - height, width: BAR_STEP - 1, height, rx: 0.75 });
}

function describeOutcomes(letters) {
  const bad = letters.filter((letter) => "fe".includes(letter)).length;
  return `${bad} of the last ${letters.length} attempts failed`;
}

/** Return a sparkline of values, newest first, with null for a gap; the newest is drawn at the right. */
export function sparkline(values, { width = 80, height = 20, slots = 30 } = {}) {
  const line = [...values].reverse();
  const numbers = line.filter(isNumber);
  if (!numbers.length) return svg("svg", { class: "sparkline", width, height, "aria-hidden": "true" });
  const top = Math.max(...numbers);
  const low = Math.min(...numbers);
  const step = (width - 4) / Math.max(slots - 1, 1);
  const x = (index) => width - 2 - (line.length - 1 - index) * step;
  // The scale spans at least a tenth of the maximum, so that noise in a steady test looks small.
  const span = Math.max(top - low, top * 0.1, 1e-9);
  const y = (value) => height - 3 - ((value - low) / span) * (height - 6);
  const points = line.flatMap((value, index) =>
    isNumber(value) ? [`${round(x(index))},${round(y(value))}`] : [],
  );
  const [lastX, lastY] = points.at(-1).split(",");
  return svg(
    "svg",
    { class: "sparkline", width, height, "aria-hidden": "true" },
    svg("polyline", { points: points.join(" ") }),
    svg("circle", { cx: lastX, cy: lastY, r: 1.75 }),
  );
}

/** Return a stacked bar of counts: `[["passed", 801], ["failed", 2]]`. Each positive count is visible. */
export function stackedBar(counts, total) {
  const parts = counts.filter(([, count]) => count > 0);
  const sum = total || parts.reduce((sum, [, count]) => sum + count, 0) || 1;
  const label = parts.map(([name, count]) => `${count} ${name}`).join(", ") || "no tests yet";
  return el(
    "span",
    { class: "shares", role: "img", "aria-label": label, title: label },
    parts.map(([name, count]) => el("i", { class: `is-${name}`, vars: { "--share": count / sum } })),
  );
}

/** Return a bar for a share from 0 to 1. */
export function meterBar(share) {
  return el(
    "span",
    { class: "meter", "aria-hidden": "true" },
    el("i", { vars: { "--share": Math.min(1, share || 0) } }),
  );
}

const INTERVAL_WIDTH = 72;

/** Return an interval with its estimate on a scale from 0 to 1; `label` is the text alternative. */
export function intervalBar(low, estimate, high, label, { mark = null } = {}) {
  const x = (share) => round(2 + Math.min(1, Math.max(0, share)) * (INTERVAL_WIDTH - 4));
  return svg(
    "svg",
    { class: "interval", width: INTERVAL_WIDTH, height: 14, role: "img", "aria-label": label },
    svg("title", {}, label),
    svg("rect", { class: "track", x: 2, y: 6, width: INTERVAL_WIDTH - 4, height: 2, rx: 1 }),
    mark !== null && svg("rect", { class: "reference-line", x: x(mark) - 0.5, y: 1, width: 1, height: 12 }),
    svg("rect", {
      class: "range",
      x: x(low),
      y: 4,
      width: round(Math.max(2, x(high) - x(low))),
      height: 6,
      rx: 2,
    }),
    svg("rect", { class: "estimate", x: x(estimate) - 1, y: 2, width: 2, height: 10, rx: 1 }),
  );
}

function round(value) {
  return Math.round(value * 10) / 10;
}
