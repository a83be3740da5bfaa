/** View that compares a run with a base run. */

import { fetchJson } from "./api.js";
import { badge } from "./badge.js";
import { el } from "./dom.js";
import { branchName, shortCommit } from "./fields.js";
import { formatChange, formatDuration, formatNumber } from "./format.js";
import { pageHeader, section, showPage } from "./layout.js";
import { runLink } from "./links.js";
import { failureCell } from "./run-counts.js";
import { differenceTables } from "./run-differences.js";
import { filledTable } from "./table.js";
import { apiUrl, viewUrl } from "./urls.js";

/** Show the differences between two runs. */
export async function view(id, base) {
  const comparison = await fetchJson(apiUrl.compare(id, base));
  const swap = el("a", { class: "button", href: viewUrl.compare(base, id) }, "Swap");
  showPage({
    title: "Compare runs",
    data: apiUrl.compare(id, base),
    content: [
      pageHeader("Compare runs", { beside: el("div", { class: "bar" }, swap) }),
      runTable(comparison),
      section(
        "Differences",
        {
          note: comparison.left_out
            ? `${formatNumber(comparison.left_out)} more are not shown (at most 1,000 per kind)`
            : null,
        },
        differenceTables(comparison, comparison.run.suite, { all: true }),
      ),
    ],
  });
}

function runTable({ run, base }) {
  const rows = [
    ["Base", base],
    ["This run", run],
  ];
  return filledTable({
    caption: "The two runs",
    rows,
    columns: [
      {
        title: "Run",
        grow: true,
        cell: ([role, each]) => [el("b", {}, role), " ", runLink(each.id, each.started)],
      },
      { title: "Status", cell: ([, each]) => badge(each.status) },
      { title: "Branch", cell: ([, each]) => branchName(each.branch), wide: true },
      { title: "Commit", cell: ([, each]) => shortCommit(each.commit, each.dirty), wide: true },
      { title: "Tests", number: true, cell: ([, each]) => formatNumber(each.tests) },
      { title: "Failed", number: true, cell: ([, each]) => failureCell(each) },
      {
        title: "Duration",
        number: true,
        cell: ([, each]) => [
          formatDuration(each.duration),
          each === run && el("span", { class: "muted" }, ` ${formatChange(run.duration, base.duration)}`),
        ],
      },
    ],
  });
}
