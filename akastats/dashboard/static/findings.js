/** Findings of a run, the largest saving first, and predicted durations with other workers. */

import { el } from "./dom.js";
import { formatDuration, formatPercent } from "./format.js";
import { meterBar } from "./inline-charts.js";
import { testLink } from "./links.js";
import { emptyMessage } from "./messages.js";
import phrases from "./phrases.js";
import { filledTable } from "./table.js";
import { viewUrl } from "./urls.js";

/** Return the findings of a run of `suite`. */
export function findingTable({ findings }, suite) {
  if (!findings.length) return emptyMessage(phrases.NO_FINDINGS);
  return filledTable({
    caption: "Findings",
    rows: findings,
    columns: [
      { title: "Finding", grow: true, cell: (finding) => description(finding, suite) },
      { title: "", wide: true, cell: ({ saving }) => meterBar(saving.share) },
      { title: "Saves", number: true, cell: ({ saving }) => savedTime(saving) },
      { title: "Share", number: true, wide: true, cell: ({ saving }) => formatPercent(saving.share) },
    ],
  });
}

function description({ title, where, advice }, suite) {
  const places = where.flatMap((place, index) => [index ? ", " : "", placeLink(place, suite)]);
  return [
    el("b", {}, title),
    el("p", {}, advice),
    places.length > 0 && el("p", { class: "note" }, places),
  ];
}

function placeLink({ fixture, file, nodeid, package: imported, option }, suite) {
  if (nodeid) return testLink(nodeid, suite);
  if (fixture) {
    const label = `fixture${suite ? `@${suite}` : ""}::${fixture}`;
    return el("a", { class: "nodeid", href: viewUrl.stats({ label }) }, fixture.replace(/^::/, ""));
  }
  return el("code", {}, imported ?? file ?? option ?? "");
}

function savedTime({ seconds, low, high }) {
  const interval = high - low >= 0.1 ? `${formatDuration(low)} to ${formatDuration(high)}` : null;
  return el("span", { title: interval }, formatDuration(seconds));
}

/** Return the predicted durations of a run with other numbers of workers. */
export function planTable({ choices, best, predicted, wall, floor }) {
  const longest = Math.max(...choices.map((choice) => choice.wall));
  const isBest = (choice) => choice.workers === best.workers && choice.dist === best.dist;
  return [
    filledTable({
      caption: "Other numbers of workers",
      rows: choices,
      columns: [
        { title: "Workers", number: true, cell: ({ workers }) => workers },
        { title: "--dist", cell: ({ dist }) => dist },
        { title: "", grow: true, cell: (choice) => meterBar(choice.wall / longest) },
        {
          title: "Predicted",
          number: true,
          cell: (choice) => (isBest(choice) ? el("b", { class: "good" }, text(choice)) : text(choice)),
        },
        {
          title: "Interval",
          number: true,
          wide: true,
          cell: ({ low, high }) => `${formatDuration(low)} to ${formatDuration(high)}`,
        },
      ],
    }),
    el(
      "p",
      { class: "note" },
      `This run took ${formatDuration(wall)}, of which the prediction is ${formatDuration(predicted)}. `,
      `No number of workers makes it faster than ${formatDuration(floor)}.`,
    ),
  ];
}

function text({ wall }) {
  return formatDuration(wall);
}
