/** Chart of a history: points, running median, and the range between the quartiles. */

import { chart } from "./chart.js";
import { runningQuartiles } from "./quantiles.js";

const MEDIAN_WINDOW = 15;

/** Return the chart, oldest first. `colours` has one colour per point; each of `levels` is drawn as a stepped line. */
export function historyChart({
  label,
  times,
  values,
  colours,
  format,
  describe,
  href,
  isEvenlySpaced = false,
  levels = [],
}) {
  const quartiles = runningQuartiles(values, MEDIAN_WINDOW);
  const series = [
    {
      name: "quartiles",
      kind: "band",
      values: quartiles.map((quartile) => quartile.high),
      low: quartiles.map((quartile) => quartile.low),
      colour: "--accent",
    },
    {
      name: "median",
      kind: "line",
      values: quartiles.map((quartile) => quartile.median),
      colour: "--accent",
      width: 1.25,
    },
    { name: "attempt", kind: "points", values, colour: "--pass" },
    ...levels.map((level) => ({ name: "level", kind: "steps", values: level, colour: "--xpass", width: 2 })),
  ];
  return chart({ label, x: times, series, format, colours, describe, href, isEvenlySpaced, height: 260 });
}
