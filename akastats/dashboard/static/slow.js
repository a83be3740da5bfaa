/** Slow tests and fixtures, each against what is usual. */

import { el } from "./dom.js";
import { change, duration, number } from "./format.js";
import { meter } from "./marks.js";
import { nothing } from "./parts.js";
import { to } from "./place.js";
import { filledTable } from "./table.js";
import { testLink } from "./words.js";

// As akastats/analysis/comparison.py has it: fast tests vary by tenths from run to run, slow ones by milliseconds.
const [LEAST_SHARE, LEAST_US] = [0.1, 20_000];

/** Return a run's slowest tests as a table. */
export function slowTests(run) {
  if (!run?.slowest?.length)
    return nothing("No test is told of", "A run's profile is kept with the newest 500 runs.");
  const most = Math.max(...run.slowest.map((slow) => slow.seconds));
  return filledTable({
    caption: "Slowest tests",
    rows: run.slowest,
    columns: [{ title: "Test", grow: true, cell: (slow) => testLink(slow.name, run.suite) }, ...columns(most)],
  });
}

/** Return a run's costliest fixtures as a table. */
export function slowFixtures(run) {
  if (!run?.slowest_fixtures?.length) return nothing("No fixture took any time");
  const most = Math.max(...run.slowest_fixtures.map((slow) => slow.seconds));
  return filledTable({
    caption: "Slowest fixtures",
    rows: run.slowest_fixtures,
    columns: [...fixtureColumns(run.suite), ...columns(most)],
  });
}

/** Return the columns that say which fixture it is. */
export function fixtureColumns(suite) {
  return [
    {
      title: "Fixture",
      grow: true,
      cell: (fixture) =>
        el(
          "a",
          { href: to.stats({ label: fixtureLabel(fixture, suite) }), title: fixture.baseid || null },
          el("span", { class: "nodeid" }, fixture.name),
          " ",
          el("span", { class: "quiet" }, fixture.baseid),
        ),
    },
    { title: "Scope", wide: true, cell: (fixture) => fixture.scope },
    {
      title: "Times",
      number: true,
      wide: true,
      hint: "how often it was set up",
      cell: (fixture) => number(fixture.count),
    },
  ];
}

function fixtureLabel({ name, baseid }, suite) {
  return `fixture${suite ? `@${suite}` : ""}::${baseid}::${name}`;
}

function columns(most) {
  return [
    { title: "", wide: true, cell: (slow) => meter(slow.seconds / most) },
    { title: "Took", number: true, cell: (slow) => duration(slow.seconds) },
    {
      title: "Usual",
      number: true,
      wide: true,
      hint: "the median of up to 100 runs before",
      cell: (slow) => (slow.usual === null ? "no history" : duration(slow.usual)),
    },
    { title: "", number: true, cell: (slow) => delta(slow.seconds, slow.usual) },
  ];
}

/** Return whether two durations in seconds differ by more than a clock's noise. */
export function isNotable(now, base) {
  return Math.round(Math.abs(now - base) * 1e6) >= Math.max(LEAST_US, Math.round(base * LEAST_SHARE * 1e6));
}

/** Return a change worth telling, coloured by its direction. */
export function delta(now, base) {
  if (now === null || base === null || base === undefined || !isNotable(now, base)) return null;
  return el("span", { class: now > base ? "bad" : "good" }, change(now, base));
}
