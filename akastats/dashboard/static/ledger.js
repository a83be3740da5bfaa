/** Where the wall time of a run went: a bar for all processes, and one for each. */

import { el } from "./dom.js";
import { formatDuration, formatPercent } from "./format.js";
import { emptyMessage } from "./messages.js";
import phrases from "./phrases.js";
import { expandableTable, filledTable } from "./table.js";
import { differenceText } from "./verdicts.js";

// A smaller share of the wall time is measurement error.
const MIN_UNEXPLAINED = 0.005;
// Minimum seconds of an import in the table.
const MIN_IMPORT_S = 0.02;

/** Return why a run took longer or shorter than a typical one, the bars of its ledger with a legend, and what the run did not record. */
export function ledgerBars({ spans, processes, lacks, difference }) {
  if (!processes.length) return emptyMessage("Nothing was recorded");
  const wall = processes.reduce((sum, process) => sum + process.wall, 0);
  return [
    difference && el("p", {}, `Duration: ${differenceText(difference)}`),
    el("div", { class: "ledger" }, spanBar(spans, wall), legend(spans, wall)),
    processes.length > 1 && processTable(processes),
    importTable(processes),
    lacks.length > 0 && el("p", { class: "note" }, `Not recorded: ${lacks.join("; ")}.`),
  ];
}

/** Return a bar of spans; the rest of `whole` seconds stays empty. */
function spanBar(spans, whole) {
  const entries = Object.entries(spans);
  const label = entries.map(([span, seconds]) => `${phrases.SPAN_NAMES[span]} ${formatDuration(seconds)}`).join(", ");
  return el(
    "span",
    { class: "shares", role: "img", "aria-label": label, title: label },
    entries.map(([span, seconds]) => el("i", { class: `is-${span}`, vars: { "--share": seconds / (whole || 1) } })),
  );
}

function legend(spans, wall) {
  const shown = Object.entries(spans).sort(([, a], [, b]) => b - a);
  const unexplained = wall - shown.reduce((sum, [, seconds]) => sum + seconds, 0);
  const text = (name, seconds) => `${name} ${formatDuration(seconds)} (${formatPercent(seconds / (wall || 1))})`;
  return el(
    "ul",
    {},
    shown.map(([span, seconds]) =>
      el("li", {}, el("i", { class: `dot is-${span}` }), text(phrases.SPAN_NAMES[span], seconds)),
    ),
    unexplained >= MIN_UNEXPLAINED * wall && el("li", {}, text("unexplained", unexplained)),
  );
}

/** Return a table of the packages whose import takes longest, in all processes together; null if all are fast. */
function importTable(processes) {
  const packages = new Map();
  for (const { imports } of processes) {
    for (const { package: name, phase, seconds } of imports) {
      const total = packages.get(name) ?? { name, phases: new Set(), seconds: 0 };
      total.phases.add(phase);
      total.seconds += seconds;
      packages.set(name, total);
    }
  }
  const rows = [...packages.values()].filter(({ seconds }) => seconds >= MIN_IMPORT_S);
  if (!rows.length) return null;
  rows.sort((a, b) => b.seconds - a.seconds);
  return expandableTable({
    caption: "Slowest imports",
    rows,
    firstRows: 5,
    columns: [
      { title: "Import", cell: ({ name }) => el("code", {}, name) },
      { title: "In", grow: true, cell: ({ phases }) => [...phases].map((phase) => phrases.SPAN_NAMES[phase] ?? phase).join(", ") },
      { title: "Duration", number: true, cell: ({ seconds }) => formatDuration(seconds) },
    ],
  });
}

function processTable(processes) {
  const longest = Math.max(...processes.map(({ wall }) => wall));
  return filledTable({
    caption: "Processes",
    rows: processes,
    columns: [
      { title: "Process", cell: ({ worker }) => worker || "main" },
      { title: "", grow: true, cell: ({ spans }) => spanBar(spans, longest) },
      { title: "Duration", number: true, cell: ({ wall }) => formatDuration(wall) },
    ],
  });
}
