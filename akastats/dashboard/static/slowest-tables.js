/** Tables of the slowest tests and fixtures, with their typical durations. */

import { el } from "./dom.js";
import { formatChange, formatDuration, formatNumber } from "./format.js";
import { meterBar } from "./inline-charts.js";
import { testLink } from "./links.js";
import { emptyMessage } from "./messages.js";
import phrases from "./phrases.js";
import { filledTable } from "./table.js";
import { viewUrl } from "./urls.js";

// A change counts if it is at least 10 % and 20 ms, as in akastats/analysis/comparison.py.
const [MIN_SHARE, MIN_US] = [0.1, 20_000];

/** Return the table of a run's slowest tests. */
export function slowestTests(run) {
  if (!run?.slowest?.length)
    return emptyMessage("No test durations", "They are kept for the newest 500 runs.");
  const longest = Math.max(...run.slowest.map((row) => row.seconds));
  return filledTable({
    caption: "Slowest tests",
    rows: run.slowest,
    columns: [
      { title: "Test", grow: true, cell: (row) => testLink(row.name, run.suite) },
      ...durationColumns(longest),
    ],
  });
}

/** Return the table of a run's slowest fixtures. */
export function slowestFixtures(run) {
  if (!run?.slowest_fixtures?.length) return emptyMessage("No fixture took measurable time");
  const longest = Math.max(...run.slowest_fixtures.map((row) => row.seconds));
  return filledTable({
    caption: "Slowest fixtures",
    rows: run.slowest_fixtures,
    columns: [...fixtureColumns(run.suite), ...durationColumns(longest)],
  });
}

/** Return the columns that identify a fixture. */
export function fixtureColumns(suite) {
  return [
    {
      title: "Fixture",
      grow: true,
      cell: (fixture) =>
        el(
          "a",
          { href: viewUrl.stats({ label: fixtureLabel(fixture, suite) }), title: fixture.baseid || null },
          el("span", { class: "nodeid" }, fixture.name),
          " ",
          el("span", { class: "muted" }, fixture.baseid),
        ),
    },
    { title: "Scope", wide: true, cell: (fixture) => fixture.scope },
    {
      title: "Count",
      number: true,
      wide: true,
      hint: "number of setups",
      cell: (fixture) => formatNumber(fixture.count),
    },
  ];
}

function fixtureLabel({ name, baseid }, suite) {
  return `fixture${suite ? `@${suite}` : ""}::${baseid}::${name}`;
}

function durationColumns(longest) {
  return [
    { title: "", wide: true, cell: (row) => meterBar(row.seconds / longest) },
    { title: "Duration", number: true, cell: (row) => formatDuration(row.seconds) },
    {
      title: "Typical",
      number: true,
      wide: true,
      hint: "median of up to 100 earlier runs",
      cell: (row) => (row.usual === null ? phrases.NO_HISTORY : formatDuration(row.usual)),
    },
    { title: "", number: true, cell: (row) => changeCell(row.seconds, row.usual) },
  ];
}

/** Return whether two durations in seconds differ by more than measurement noise. */
export function isSignificant(now, base) {
  return Math.round(Math.abs(now - base) * 1e6) >= Math.max(MIN_US, Math.round(base * MIN_SHARE * 1e6));
}

/** Return a significant change of a duration as a coloured percentage; else null. */
export function changeCell(now, base) {
  if (now === null || base === null || base === undefined || !isSignificant(now, base)) return null;
  return el("span", { class: now > base ? "bad" : "good" }, formatChange(now, base));
}
