/** View of duration changes: the suite as a whole, then tests, fixtures, files, imports, spans and labels, newest first. */

import { canWrite, fetchPath } from "./api.js";
import { el } from "./dom.js";
import { changeCard, changeList } from "./duration-changes.js";
import { selectField } from "./filters.js";
import { capitalise, formatDuration, pluralize } from "./format.js";
import { pageHeader, section, showPage } from "./layout.js";
import { machineSpeedChart } from "./machine-speed-chart.js";
import { emptyMessage } from "./messages.js";
import { pagedList } from "./paged-list.js";
import phrases from "./phrases.js";
import { apiUrl, queryValue } from "./urls.js";
import { currentSuite, nameDefaultBranch, pathForSuite, verdictFilters } from "./verdict-filters.js";
import { missingVerdictsMessage, typicalTexts, verdictBasis } from "./verdicts.js";

const KINDS = [
  ["test", "tests"],
  ["fixture", "fixtures"],
  ["collect", "files"],
  ["import", "imports"],
  ["span", "spans of the run"],
  ["stat", "other labels"],
];

const PAGE_SIZE = 500;
const EXPLANATION = "Durations that changed and stayed at a new level. A duration is analysed after 10 runs.";

/** Show the duration changes of a suite. */
export async function view() {
  const [facets, suite, mayWrite] = await Promise.all([fetchPath("facets"), currentSuite(), canWrite()]);
  showPage({
    title: "Slower",
    data: apiUrl.path(pathForSuite("regressions", suite), { branch: queryValue("branch") }),
    content: [
      pageHeader("Slower", { beside: verdictFilters(facets), below: EXPLANATION }),
      changesSection(suite, mayWrite),
    ],
  });
}

function changesSection(suite, mayWrite) {
  return pagedList({
    path: pathForSuite("regressions", suite),
    fixed: { branch: queryValue("branch") },
    size: PAGE_SIZE,
    noun: "change",
    controls: [
      selectField("kind", "Kind", KINDS, "all kinds"),
      selectField("faster", "Direction", [["true", "slower and faster"]], "slower"),
    ],
    above: (page) => {
      nameDefaultBranch(page.verdicts);
      return page.verdicts && [suiteSection(page, mayWrite), el("h2", {}, "Tests, fixtures, files, imports and spans")];
    },
    draw: (page) =>
      el("div", { class: "change-cards" }, changeList(page.items, mayWrite ? page.verdicts.run : null)),
    empty: (isFiltered, page) => noChangesMessage(isFiltered, page.verdicts),
  });
}

function noChangesMessage(isFiltered, verdicts) {
  const count = verdicts?.undecided;
  return (
    missingVerdictsMessage(verdicts) ??
    emptyMessage(
      isFiltered ? "No changes of this kind" : "Nothing became slower",
      `Based on ${pluralize(verdicts.runs, "run")}.`,
      count > 0 && ` ${capitalise(phrases.NOT_ENOUGH_DATA)} for a verdict: ${pluralize(count, "duration")}.`,
    )
  );
}

function suiteSection({ suite_changes: suiteChanges, paces, verdicts }, mayWrite) {
  return section(
    "Whole suite",
    { id: "suite", note: verdictBasis(verdicts) },
    el("p", { class: "facts" }, suiteDurations(verdicts)),
    paces?.length > 1 && el("div", { class: "card" }, machineSpeedChart(paces, suiteChanges)),
    suiteChanges.length > 0 &&
      el(
        "div",
        { class: "change-cards" },
        suiteChanges.map((change) => changeCard(change, mayWrite ? verdicts.run : null)),
      ),
  );
}

function suiteDurations(verdicts) {
  const { seconds } = verdicts;
  const texts = [seconds !== null && `newest run ${formatDuration(seconds)}`, ...typicalTexts(verdicts)];
  return texts.filter(Boolean).map((text) => el("span", {}, text));
}
