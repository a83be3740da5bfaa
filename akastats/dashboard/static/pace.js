/** The pace of runs: how long all their tests took against their usual, with its lasting changes. */

import { chart } from "./chart.js";
import { el } from "./dom.js";
import { moment } from "./format.js";
import { factor } from "./judged.js";
import { quantile } from "./statistics.js";
import { to } from "./place.js";
import { momentOf } from "./words.js";

/** Return the chart of paces, oldest first; the level is drawn between the changes. */
export function pace(paces, changes) {
  const values = paces.map((one) => one.pace);
  const level = levels(paces, changes);
  return chart({
    label: `Pace of ${paces.length} runs against their usual`,
    x: paces.map((one) => momentOf(one.run) ?? 0),
    even: true,
    zero: false,
    // Noise of a steady suite shall not look like drama.
    least: [0.9, 1.1],
    height: 200,
    reads: factor,
    series: [
      { name: "level", kind: "steps", values: level, colour: "--accent", width: 2 },
      { name: "run", kind: "points", values, colour: "--pass" },
    ],
    colours: values.map((value, at) => (value > level[at] * 1.1 ? "--fail" : "--pass")),
    tell: (at) => [
      el("b", {}, `${factor(values[at])} the usual`),
      el("span", {}, moment(momentOf(paces[at].run))),
      el("span", { class: "quiet" }, `level ${factor(level[at])}`),
    ],
    go: (at) => to.run(paces[at].run),
  });
}

/** Return for each run the median pace of its stretch between changes; run ids sort by time. */
export function levels(paces, changes) {
  const starts = changes.map((change) => change.run);
  const stretch = ({ run }) => starts.filter((start) => start <= run).length;
  const medians = new Map(
    [...Map.groupBy(paces, stretch)].map(([at, those]) => [at, median(those.map((one) => one.pace))]),
  );
  return paces.map((one) => medians.get(stretch(one)));
}

function median(values) {
  return quantile(
    values.sort((one, other) => one - other),
    0.5,
  );
}
