/** Where the wall time of a run went: a bar for all processes, and one for each. */

import { el } from "./dom.js";
import { formatDuration, formatPercent } from "./format.js";
import { emptyMessage } from "./messages.js";
import phrases from "./phrases.js";
import { filledTable } from "./table.js";

/** Return the bars of a ledger, with a legend and what the run did not record. */
export function ledgerBars({ spans, processes, lacks }) {
  if (!processes.length) return emptyMessage("Nothing was recorded");
  return [
    el("div", { class: "ledger" }, spanBar(spans), legend(spans)),
    processes.length > 1 && processTable(processes),
    lacks.length > 0 && el("p", { class: "note" }, `Not recorded: ${lacks.join("; ")}.`),
  ];
}

function spanBar(spans, sum = total(spans)) {
  const entries = Object.entries(spans);
  const label = entries.map(([span, seconds]) => `${phrases.SPAN_NAMES[span]} ${formatDuration(seconds)}`).join(", ");
  return el(
    "span",
    { class: "shares", role: "img", "aria-label": label, title: label },
    entries.map(([span, seconds]) => el("i", { class: `is-${span}`, vars: { "--share": seconds / (sum || 1) } })),
  );
}

function legend(spans) {
  const sum = total(spans) || 1;
  const shown = Object.entries(spans).sort(([, a], [, b]) => b - a);
  return el(
    "ul",
    {},
    shown.map(([span, seconds]) =>
      el(
        "li",
        {},
        el("i", { class: `dot is-${span}` }),
        `${phrases.SPAN_NAMES[span]} ${formatDuration(seconds)} (${formatPercent(seconds / sum)})`,
      ),
    ),
  );
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

function total(spans) {
  return Object.values(spans).reduce((a, b) => a + b, 0);
}
