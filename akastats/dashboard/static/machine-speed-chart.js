/** Chart of the machine speed factor: the time of all tests of a run divided by their typical time. */

import { chart } from "./chart.js";
import { el } from "./dom.js";
import { fillIn, formatFactor, formatTime } from "./format.js";
import { runStart } from "./links.js";
import phrases from "./phrases.js";
import { quantile } from "./quantiles.js";
import { viewUrl } from "./urls.js";

/** Return the chart, oldest run first; the line is the median between two changes of the suite. */
export function machineSpeedChart(factors, changes) {
  const values = factors.map((factor) => factor.pace);
  const medians = segmentMedians(factors, changes);
  return chart({
    label: `Machine speed factor of ${factors.length} runs`,
    x: factors.map((factor) => runStart(factor.run) ?? 0),
    isEvenlySpaced: true,
    startAtZero: false,
    // The axis spans at least ±10 %, so that noise in a steady suite looks small.
    include: [0.9, 1.1],
    height: 200,
    format: formatFactor,
    series: [
      { name: "level", kind: "steps", values: medians, colour: "--accent", width: 2 },
      { name: "run", kind: "points", values, colour: "--pass" },
    ],
    colours: values.map((value, index) => (value > medians[index] * 1.1 ? "--fail" : "--pass")),
    describe: (index) => [
      el("b", {}, fillIn(phrases.MACHINE_SPEED, { factor: values[index].toFixed(2) })),
      el("span", {}, formatTime(runStart(factors[index].run))),
      el("span", { class: "muted" }, `median ${formatFactor(medians[index])}`),
    ],
    href: (index) => viewUrl.run(factors[index].run),
  });
}

/** Return for each run the median factor of its segment between changes. Run ids sort by time. */
export function segmentMedians(factors, changes) {
  const starts = changes.map((change) => change.run);
  const segment = ({ run }) => starts.filter((start) => start <= run).length;
  const medians = new Map(
    [...Map.groupBy(factors, segment)].map(([number, members]) => [
      number,
      median(members.map((factor) => factor.pace)),
    ]),
  );
  return factors.map((factor) => medians.get(segment(factor)));
}

function median(values) {
  return quantile(
    values.sort((a, b) => a - b),
    0.5,
  );
}
