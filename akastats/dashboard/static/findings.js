/** Findings of a run, the largest saving first, and predicted durations with other workers. */

import { sendJson } from "./api.js";
import { el, setContent } from "./dom.js";
import { shortCommit } from "./fields.js";
import { formatDuration, formatNumber, formatPercent, pluralize } from "./format.js";
import { meterBar } from "./inline-charts.js";
import { runLinkById, testLink } from "./links.js";
import phrases from "./phrases.js";
import { expandableTable, filledTable } from "./table.js";
import { apiUrl, viewUrl } from "./urls.js";

const MARKS = [
  ["acknowledged", "Acknowledge", "known; stays in the list"],
  ["dismissed", "Dismiss", "not shown in the terminal and in reports"],
];

/** Return the findings of a run of `suite`, with buttons that mark them if the caller may write. */
export function findingTable({ findings }, suite, mayWrite = false) {
  if (!findings.length) return el("p", { class: "all-clear" }, phrases.NO_FINDINGS);
  return filledTable({
    caption: "Findings",
    rows: findings,
    columns: [
      { title: "Finding", grow: true, cell: (finding) => description(finding, suite, mayWrite) },
      { title: "", wide: true, cell: ({ saving }) => meterBar(saving.share) },
      { title: "Saves", number: true, cell: ({ saving }) => savedTime(saving) },
      { title: "Share", number: true, wide: true, cell: ({ saving }) => formatPercent(saving.share) },
    ],
  });
}

function description({ id, mark, title, where, advice, evidence, since }, suite, mayWrite) {
  const places = where.flatMap((place, index) => [index ? ", " : "", placeLink(place, suite)]);
  const measured = Object.entries(evidence).map(([name, value]) => el("span", {}, evidenceText(name, value)));
  return [
    el("b", {}, title),
    mark && [" ", el("span", { class: "tag", title: mark.reason }, mark.mark)],
    el("p", {}, advice),
    places.length > 0 && el("p", { class: "note" }, places),
    since && !since.first_recorded && slowerSince(since),
    measured.length > 0 && el("p", { class: "facts note" }, measured),
    mayWrite && el("p", { class: "facts" }, markButtons(id, mark)),
  ];
}

/** Return buttons that acknowledge or dismiss a finding; a second press removes the mark. */
function markButtons(id, mark) {
  let current = mark?.mark ?? null;
  const status = el("span", { class: "note", role: "status" });
  const press = async (name) => {
    try {
      if (name === current) await sendJson("DELETE", apiUrl.findingMark(id));
      else await sendJson("PUT", apiUrl.findingMark(id, { mark: name }));
      current = name === current ? null : name;
      setContent(status);
      update();
    } catch (error) {
      setContent(status, error.message);
    }
  };
  const buttons = MARKS.map(([name, title, hint]) =>
    el("button", { class: "chip", title: hint, on: { click: () => press(name) } }, title),
  );
  const update = () =>
    buttons.forEach((each, index) => each.setAttribute("aria-pressed", MARKS[index][0] === current));
  update();
  return [...buttons, status];
}

function slowerSince({ run, commit }) {
  return el("p", { class: "note" }, "slower since ", shortCommit(commit), commit && " ", runLinkById(run));
}

/** Return a measurement as text: `mean 120 ms` for `mean_s`, `setups 36`. */
export function evidenceText(name, value) {
  const isTime = name.endsWith("_s");
  const words = (isTime ? name.slice(0, -2) : name).replaceAll("_", " ");
  return `${words} ${isTime ? formatDuration(value) : formatNumber(value)}`;
}

function placeLink({ fixture, file, nodeid, package: imported, option }, suite) {
  if (nodeid) return testLink(nodeid, suite);
  if (fixture) {
    const label = `fixture${suite ? `@${suite}` : ""}::${fixture}`;
    return el("a", { class: "nodeid", href: viewUrl.stats({ label }) }, fixture.replace(/^::/, ""));
  }
  return el("code", {}, imported ?? file ?? option ?? "");
}

/** Return the findings that later runs fixed, with predicted and measured saving. */
export function fixedTable({ items, error }) {
  if (!items.length) return el("p", { class: "note" }, "No finding was fixed yet.");
  return [
    filledTable({
      caption: "Fixed findings",
      rows: items,
      columns: [
        { title: "Finding", grow: true, cell: ({ finding }) => finding.title },
        { title: "Predicted", number: true, cell: ({ finding }) => formatDuration(finding.seconds) },
        { title: "Measured", number: true, cell: ({ measured }) => formatDuration(measured) },
        { title: "Fixed in", cell: ({ run }) => runLinkById(run) },
      ],
    }),
    error !== null && el("p", { class: "note" }, `Median error of the predictions: ${formatPercent(error)}.`),
  ];
}

function savedTime({ seconds, low, high }) {
  return [formatDuration(seconds), high - low >= 0.1 && el("p", { class: "note" }, intervalText({ low, high }))];
}

/** Return the predicted durations of a run with other numbers of workers. */
export function planTable({ workers, dist, choices, best, predicted, wall, floor }) {
  const longest = Math.max(...choices.map((choice) => choice.wall));
  const isBest = (choice) => choice.workers === best.workers && choice.dist === best.dist;
  const isThisRun = (choice) => choice.workers === workers && (workers === 0 || choice.dist === dist);
  return el(
    "div",
    { class: "plan" },
    el("p", {}, "Fastest: ", el("b", {}, choiceText(best)), `, ${formatDuration(best.wall)} predicted.`),
    expandableTable({
      caption: "Other numbers of workers",
      rows: choices,
      columns: [
        { title: "Workers", number: true, cell: ({ workers }) => workers },
        {
          title: "--dist",
          cell: (choice) =>
            el(
              "span",
              { class: "nowrap" },
              choice.dist,
              isBest(choice) && [" ", el("span", { class: "tag" }, "fastest")],
              isThisRun(choice) && [" ", el("span", { class: "tag" }, "this run")],
            ),
        },
        { title: "", grow: true, cell: (choice) => meterBar(choice.wall / longest) },
        {
          title: "Predicted",
          number: true,
          cell: (choice) =>
            isBest(choice) ? el("b", { class: "good" }, formatDuration(choice.wall)) : formatDuration(choice.wall),
        },
        {
          title: "Interval",
          number: true,
          wide: true,
          cell: intervalText,
        },
      ],
    }),
    el(
      "p",
      { class: "note" },
      `This run took ${formatDuration(wall)}; the prediction for it is ${formatDuration(predicted)}. `,
      `With any number of workers, the prediction is at least ${formatDuration(floor)}.`,
    ),
  );
}

function choiceText({ workers, dist }) {
  return workers ? `${pluralize(workers, "worker")}, --dist ${dist}` : "no workers";
}

function intervalText({ low, high }) {
  return `${formatDuration(low)} to ${formatDuration(high)}`;
}
