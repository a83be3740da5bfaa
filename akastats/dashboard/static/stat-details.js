/** View of one label: its summary and its history. */

import { fetchContexts, fetchJson, nullIfMissing } from "./api.js";
import { FORMATS } from "./chart.js";
import { el } from "./dom.js";
import { formatDuration, formatNumber, formatTime } from "./format.js";
import { historyChart } from "./history-chart.js";
import { definitionList, pageHeader, section, showPage } from "./layout.js";
import { runLinkById, runStart } from "./links.js";
import { emptyMessage, whenLoaded } from "./messages.js";
import { fetchSummaries, formatterOf, labelName } from "./stat-labels.js";
import { filledTable } from "./table.js";
import { traceback } from "./traceback.js";
import { apiUrl, queryValue, viewUrl } from "./urls.js";

const MAX_POINTS = 30;

/** Show one label. */
export async function view() {
  const label = queryValue("label");
  const history = await nullIfMissing(fetchJson(apiUrl.statsHistory(label)));
  showPage({
    title: label,
    data: apiUrl.statsHistory(label),
    content: [
      pageHeader(el("span", { class: "nodeid" }, labelName(label)), {
        kicker: el("a", { href: viewUrl.stats() }, "Stats"),
      }),
      await summaryList(label),
      historySections(label, history ?? []),
    ],
  });
}

async function summaryList(label) {
  const summary = (await fetchSummaries([label]))[label];
  if (!summary)
    return emptyMessage(
      "Label not found",
      "It may have expired: a label is deleted 14 days after its last value.",
    );
  const format = formatterOf(label);
  return definitionList([
    ["Last", format(summary.last)],
    ["Average", format(summary.avg)],
    ["Min", format(summary.min)],
    ["Max", format(summary.max)],
    ["Stdev", format(summary.stdev)],
    ["Total", format(summary.total)],
    ["Count", formatNumber(summary.count)],
    ["Last value at", formatTime(summary.last_time, "long")],
  ]);
}

function historySections(label, history) {
  if (!history.length) return emptyMessage("This label has no history");
  const format = formatterOf(label);
  const chart = el("div", { class: "card" }, labelChart(history, format));
  return [
    history.length > 1 && section("History", { note: "line: median of 15 values; band: their quartiles" }, chart),
    section(
      "Values",
      { note: history.length > MAX_POINTS ? `newest ${MAX_POINTS}` : null },
      pointTable(history, format),
    ),
  ];
}

function labelChart(history, format) {
  const points = [...history].reverse();
  return historyChart({
    label: `History of ${points.length} values`,
    times: points.map((point) => point.timestamp),
    values: points.map((point) => point.value),
    colours: points.map(() => "--pass"),
    format: FORMATS[format === formatDuration ? "duration" : "number"],
    describe: (index) => [
      el("b", {}, format(points[index].value)),
      el("span", {}, formatTime(points[index].timestamp, "long")),
    ],
  });
}

function pointTable(history, format) {
  const columns = [
    { title: "When", cell: (point) => el("time", {}, formatTime(point.timestamp, "long")) },
    { title: "Value", number: true, cell: (point) => format(point.value) },
    history.some((point) => point.context_id) && {
      title: "Context",
      grow: true,
      hint: "run or traceback that was stored with the value",
      cell: contextCell,
    },
  ].filter(Boolean);
  return filledTable({ caption: "Values", rows: history.slice(0, MAX_POINTS), columns });
}

// Contexts are loaded one at a time, because a traceback may have 16 KiB.
function contextCell({ context_id: id }) {
  if (!id) return null;
  const open = () =>
    button.replaceWith(
      whenLoaded(fetchContexts([id]), (contexts) =>
        id in contexts
          ? contextElement(contexts[id])
          : el("span", { class: "note" }, "The context has expired, or your token may not read it."),
      ),
    );
  const button = el("button", { class: "plain", on: { click: open } }, "Show");
  return button;
}

// Contexts of the plugin name their run; contexts of other programs are arbitrary text.
function contextElement(text) {
  const { run, outcome } = parseJson(text);
  return typeof run === "string" && runStart(run)
    ? ["run of ", runLinkById(run), outcome && `, ${outcome}`]
    : traceback(text);
}

function parseJson(text) {
  try {
    return JSON.parse(text) ?? {};
  } catch {
    return {};
  }
}
