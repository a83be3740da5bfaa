/** A history as points with their running median and the band of the middle half. */

import { chart } from "./chart.js";
import { running } from "./statistics.js";

const WINDOW = 15;

/** Return a chart of points oldest first; `colours` gives each its own, `levels` are drawn as steps over them. */
export function points({ label, times, values, colours, reads, tell, go, even = false, levels = [] }) {
  const past = running(values, WINDOW);
  const series = [
    {
      name: "middle half",
      kind: "band",
      values: past.map((one) => one.high),
      low: past.map((one) => one.low),
      colour: "--accent",
    },
    { name: "median", kind: "line", values: past.map((one) => one.median), colour: "--accent", width: 1.25 },
    { name: "attempt", kind: "points", values, colour: "--pass" },
    ...levels.map((level) => ({ name: "level", kind: "steps", values: level, colour: "--xpass", width: 2 })),
  ];
  return chart({ label, x: times, series, reads, colours, tell, go, even, height: 260 });
}
