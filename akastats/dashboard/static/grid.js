/** The grid: tests down, runs across, one cell an outcome. */

import { el, svg } from "./dom.js";
import { moment } from "./format.js";
import { choice, listing, search } from "./listing.js";
import { OUTCOMES } from "./marks.js";
import { noRuns, nothing } from "./parts.js";
import { to } from "./place.js";
import { table } from "./table.js";
import { testLink } from "./words.js";

const CELL = 15;
const SIZE = 12;
const LOW = { p: 6, s: 3, ".": 2, "?": 3, x: 8, X: 8, r: 9 };

/** Return the grid with its filters. */
export function grid({ branches, suites }) {
  const controls = [
    search("q", "Filter tests, words in any order"),
    choice("branch", "Branch", branches, "all branches"),
  ];
  if (suites.length) controls.push(choice("suite", "Suite", suites, "all suites"));
  let rows = null;
  const draw = (page, isFirst) => {
    if (isFirst) rows = table({ caption: "Tests by runs", columns: columns(page.runs) });
    rows.add(page.items);
    return rows.frame;
  };
  return el(
    "div",
    { class: "grid" },
    legend(),
    listing({
      path: "grid",
      noun: "test",
      size: 200,
      controls,
      draw,
      empty: (isFiltered) => (isFiltered ? nothing("No test matches") : noRuns()),
    }),
  );
}

function columns(runs) {
  const oldestFirst = [...runs].reverse();
  return [
    { title: "Test", grow: true, cell: (test) => testLink(test.nodeid, test.suite, { tag: true }) },
    {
      title: `${runs.length} newest runs, the newest at the right`,
      cell: (test) => cells(test.cells, oldestFirst),
    },
  ];
}

function cells(letters, runs) {
  const outcomes = [...letters].reverse();
  const marks = outcomes.map((letter, at) => cell(letter, at, runs[at]));
  const bad = outcomes.filter((letter) => "fe".includes(letter)).length;
  return el(
    "div",
    { class: "cells" },
    svg(
      "svg",
      {
        width: outcomes.length * CELL,
        height: 16,
        viewBox: `0 0 ${outcomes.length * CELL} 16`,
        role: "group",
        "aria-label": `failed in ${bad} of ${outcomes.length} runs`,
      },
      marks,
    ),
  );
}

// Only what failed is a link: a keyboard need not stop at six thousand cells.
function cell(letter, at, run) {
  const name = OUTCOMES[letter] ?? "unknown";
  const size = LOW[letter] ?? SIZE;
  const [x, y] = [at * CELL + (CELL - size) / 2, (16 - size) / 2];
  const box = svg(
    "rect",
    { class: `is-${name}`, x, y, width: size, height: size, rx: 1.5 },
    svg("title", {}, told(name, run)),
  );
  return "fe".includes(letter) && run
    ? svg("a", { href: to.run(run.id), "aria-label": told(name, run) }, box)
    : box;
}

function told(name, run) {
  return run
    ? `${name}: ${[moment(run.started), run.branch, run.commit?.slice(0, 8)].filter(Boolean).join(" · ")}`
    : name;
}

function legend() {
  const words = ["passed", "failed", "error", "xfailed", "xpassed", "rerun"];
  return el(
    "p",
    { class: "facts" },
    words.map((word) => el("span", {}, el("i", { class: `dot is-${word}` }), word)),
    el("span", {}, "a small grey dot: skipped, absent, or expired"),
  );
}
