/** Charts of duration, number of tests and pass rate over the newest runs. */

import { chart, FORMATS } from "./chart.js";
import { el } from "./dom.js";
import { formatDuration, formatNumber, formatPercent, formatTime, pluralize } from "./format.js";
import { viewUrl } from "./urls.js";

/** Return the charts; a message for fewer than two runs. */
export function trendCharts({ items }) {
  const runs = [...items].reverse();
  if (runs.length < 2) return el("p", { class: "note" }, "Trends appear after two finished runs.");
  return el("div", { class: "trends" }, durationTrend(runs), testTrend(runs), passRateTrend(runs));
}

function durationTrend(runs) {
  const values = runs.map((run) => run.duration);
  return trend(runs, "Duration", formatDuration(values.at(-1)), {
    format: FORMATS.duration,
    colours: runs.map((run) => (run.status === "passed" ? "--pass" : "--fail")),
    series: [
      { name: "duration", values, colour: "--accent", kind: "area" },
      { name: "run", values, colour: "--pass", kind: "points" },
    ],
  });
}

function testTrend(runs) {
  const values = runs.map((run) => run.tests);
  return trend(runs, "Tests", formatNumber(values.at(-1)), {
    startAtZero: false,
    series: [{ name: "tests", values, colour: "--accent", kind: "line" }],
  });
}

function passRateTrend(runs) {
  const values = runs.map((run) => run.pass_rate);
  return trend(runs, "Pass rate", formatPercent(values.at(-1)), {
    format: FORMATS.percent,
    startAtZero: false,
    max: 1.005,
    series: [{ name: "pass rate", values, colour: "--pass", kind: "line" }],
  });
}

function trend(runs, title, current, options) {
  const drawing = chart({
    label: `${title} over ${runs.length} runs`,
    x: runs.map((run) => run.started),
    isEvenlySpaced: true,
    sync: "runs",
    height: 150,
    describe: (index) => runTooltip(runs[index]),
    href: (index) => viewUrl.run(runs[index].run),
    ...options,
  });
  const heading = el("h3", {}, title, el("span", { class: "current" }, current));
  return el("div", { class: "trend" }, heading, drawing);
}

function runTooltip(run) {
  return [
    el("b", {}, formatTime(run.started)),
    el("span", {}, `${run.status}, ${formatDuration(run.duration)}`),
    el("span", {}, `${pluralize(run.tests ?? 0, "test")}, ${run.failed + run.errors} failing`),
    el("span", { class: "muted" }, [run.branch, run.commit?.slice(0, 8)].filter(Boolean).join(" · ")),
  ];
}
