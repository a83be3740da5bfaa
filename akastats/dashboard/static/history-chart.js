/** Chart of a history: points, their running median, and the range between their quartiles. */

import { chart } from "./chart.js";
import { runningQuartiles } from "./quantiles.js";

const MEDIAN_WINDOW = 15;

/**
 * Return the chart, oldest first.
 *
 * `colours` has one colour per point; each of `levels` is drawn as a stepped line. Other options are passed to `chart`.
 */
export function historyChart({ times, values, levels = [], ...options }) {
  return chart({ ...options, x: times, height: 260, series: [...medianSeries(values), ...levelSeries(levels)] });
}

function medianSeries(values) {
  const quartiles = runningQuartiles(values, MEDIAN_WINDOW);
  const [low, median, high] = ["low", "median", "high"].map((name) => quartiles.map((each) => each[name]));
  return [
    { name: "quartiles", kind: "band", values: high, low, colour: "--accent" },
    { name: "median", kind: "line", values: median, colour: "--accent", width: 1.25 },
    { name: "attempt", kind: "points", values, colour: "--pass" },
  ];
}

function levelSeries(levels) {
  return levels.map((level) => ({ name: "level", kind: "steps", values: level, colour: "--xpass", width: 2 }));
}
