/** View of all labels with their summaries. */

import { el } from "./dom.js";
import { searchField, selectField } from "./filters.js";
import { formatNumber } from "./format.js";
import { pageHeader, showPage } from "./layout.js";
import { emptyMessage, noRunsMessage } from "./messages.js";
import { pagedList } from "./paged-list.js";
import { fetchSummaries, formatterOf, labelName } from "./stat-labels.js";
import { filledTable } from "./table.js";
import { apiUrl, viewUrl } from "./urls.js";

const LABEL_KINDS = [
  ["test", "tests"],
  ["fixture::", "fixtures"],
  ["collect::", "files"],
  ["import::", "imports"],
  ["span::", "spans of runs"],
  ["run::", "runs"],
  ["errors__", "errors"],
];

/** Show the list of labels. */
export async function view() {
  const below = "Numbers by label: durations of tests, fixtures, files, imports and spans, and the numbers of your own programs.";
  showPage({
    title: "Stats",
    data: apiUrl.path("labels"),
    content: [pageHeader("Stats", { below }), labelList()],
  });
}

function labelList() {
  const controls = [searchField("q", "Filter labels"), selectField("prefix", "Kind", LABEL_KINDS, "all kinds")];
  const empty = (isFiltered) => (isFiltered ? emptyMessage("No matching labels") : noRunsMessage());
  return pagedList({
    path: "labels",
    noun: "label",
    controls,
    draw: (page) => labelTable(page.items),
    empty,
    size: 200,
  });
}

function labelTable(items) {
  const container = el("div");
  summaryTable(items).then((rows) => container.append(rows));
  return container;
}

async function summaryTable(items) {
  const summaries = await fetchSummaries(items);
  const cell =
    (name) =>
    ({ label }) =>
      formatterOf(label)(summaries[label]?.[name]);
  return filledTable({
    caption: "Labels",
    rows: items.map((label) => ({ label })),
    columns: [
      {
        title: "Label",
        grow: true,
        cell: ({ label }) =>
          el("a", { class: "nodeid", href: viewUrl.stats({ label }), title: label }, labelName(label)),
      },
      { title: "Last", number: true, cell: cell("last") },
      { title: "Average", number: true, cell: cell("avg") },
      { title: "Min", number: true, wide: true, cell: cell("min") },
      { title: "Max", number: true, wide: true, cell: cell("max") },
      { title: "Count", number: true, wide: true, cell: ({ label }) => formatNumber(summaries[label]?.count) },
    ],
  });
}
