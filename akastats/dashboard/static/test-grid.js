/** Grid of tests (rows) and runs (columns) with one square per outcome. */

import { el, svg } from "./dom.js";
import { searchField, selectField } from "./filters.js";
import { formatTime } from "./format.js";
import { testLink } from "./links.js";
import { emptyMessage, noRunsMessage } from "./messages.js";
import { OUTCOME_OF_LETTER } from "./outcomes.js";
import { pagedList } from "./paged-list.js";
import { createTable } from "./table.js";
import { viewUrl } from "./urls.js";

const CELL_WIDTH = 15;
const CELL_SIZE = 12;
const SMALL_SIZES = { p: 6, s: 3, ".": 2, "?": 3, x: 8, X: 8, r: 9 };

/** Return the grid with its filters. */
export function testGrid({ branches, suites }) {
  const controls = [
    searchField("q", "Filter tests (words in any order)"),
    selectField("branch", "Branch", branches, "all branches"),
  ];
  if (suites.length) controls.push(selectField("suite", "Suite", suites, "all suites"));
  let rows = null;
  const draw = (page, isFirst) => {
    if (isFirst) rows = createTable({ caption: "Tests by runs", columns: columns(page.runs) });
    rows.add(page.items);
    return rows.frame;
  };
  return el(
    "div",
    { class: "grid" },
    legend(),
    pagedList({
      path: "grid",
      noun: "test",
      size: 200,
      controls,
      draw,
      empty: (isFiltered) => (isFiltered ? emptyMessage("No matching tests") : noRunsMessage()),
    }),
  );
}

function columns(runs) {
  const oldestFirst = [...runs].reverse();
  return [
    { title: "Test", grow: true, cell: (test) => testLink(test.nodeid, test.suite, { tag: true }) },
    {
      title: `${runs.length} newest runs, newest at the right`,
      cell: (test) => outcomeCells(test.cells, oldestFirst),
    },
  ];
}

function outcomeCells(letters, runs) {
  const outcomes = [...letters].reverse();
  const squares = outcomes.map((letter, index) => outcomeCell(letter, index, runs[index]));
  const failures = outcomes.filter((letter) => "fe".includes(letter)).length;
  return el(
    "div",
    { class: "cells" },
    svg(
      "svg",
      {
        width: outcomes.length * CELL_WIDTH,
        height: 16,
        viewBox: `0 0 ${outcomes.length * CELL_WIDTH} 16`,
        role: "group",
        "aria-label": `failed in ${failures} of ${outcomes.length} runs`,
      },
      squares,
    ),
  );
}

// Only failures are links, so that a keyboard user does not tab through 6,000 cells.
function outcomeCell(letter, index, run) {
  const name = OUTCOME_OF_LETTER[letter] ?? "unknown";
  const size = SMALL_SIZES[letter] ?? CELL_SIZE;
  const [x, y] = [index * CELL_WIDTH + (CELL_WIDTH - size) / 2, (16 - size) / 2];
  const box = svg(
    "rect",
    { class: `is-${name}`, x, y, width: size, height: size, rx: 1.5 },
    svg("title", {}, cellTitle(name, run)),
  );
  return "fe".includes(letter) && run
    ? svg("a", { href: viewUrl.run(run.id), "aria-label": cellTitle(name, run) }, box)
    : box;
}

function cellTitle(name, run) {
  return run
    ? `${name}: ${[formatTime(run.started), run.branch, run.commit?.slice(0, 8)].filter(Boolean).join(" · ")}`
    : name;
}

function legend() {
  const words = ["passed", "failed", "error", "xfailed", "xpassed", "rerun"];
  return el(
    "p",
    { class: "facts" },
    words.map((word) => el("span", {}, el("i", { class: `dot is-${word}` }), word)),
    el("span", {}, "small grey square: skipped, absent or expired"),
  );
}
