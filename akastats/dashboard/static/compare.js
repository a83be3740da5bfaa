/** Two runs side by side: what changed from the base to this one. */

import { read } from "./api.js";
import { changes } from "./changes.js";
import { el } from "./dom.js";
import { change, duration, number } from "./format.js";
import { badge } from "./marks.js";
import { head, section, show } from "./parts.js";
import { api, to } from "./place.js";
import { filledTable } from "./table.js";
import { branchName, commitId, failed, runLink } from "./words.js";

/** Show what changed from one run to another. */
export async function view(id, base) {
  const found = await read(api.compare(id, base));
  const swap = el("a", { class: "button", href: to.compare(base, id) }, "Swap");
  show({
    title: "Compare runs",
    data: api.compare(id, base),
    content: [
      head("Compare runs", { beside: el("div", { class: "bar" }, swap) }),
      both(found),
      section(
        "Changed",
        {
          note: found.left_out
            ? `${number(found.left_out)} changes beyond the first 1,000 of a kind are left out`
            : null,
        },
        changes(found, found.run.suite, { all: true }),
      ),
    ],
  });
}

function both({ run, base }) {
  const rows = [
    ["Base", base],
    ["This run", run],
  ];
  return filledTable({
    caption: "The two runs",
    rows,
    columns: [
      { title: "Run", grow: true, cell: ([word, one]) => [el("b", {}, word), " ", runLink(one.id, one.started)] },
      { title: "Status", cell: ([, one]) => badge(one.status) },
      { title: "Branch", cell: ([, one]) => branchName(one.branch), wide: true },
      { title: "Commit", cell: ([, one]) => commitId(one.commit, one.dirty), wide: true },
      { title: "Tests", number: true, cell: ([, one]) => number(one.tests) },
      { title: "Failed", number: true, cell: ([, one]) => failed(one) },
      {
        title: "Duration",
        number: true,
        cell: ([, one]) => [
          duration(one.duration),
          one === run && el("span", { class: "quiet" }, ` ${change(run.duration, base.duration)}`),
        ],
      },
    ],
  });
}
