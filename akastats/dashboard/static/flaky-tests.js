/** View of flaky tests, most expensive first, and of tests in quarantine. */

import { canWrite, fetchPath } from "./api.js";
import { badge, stateText } from "./badge.js";
import { el } from "./dom.js";
import { evidenceList } from "./evidence.js";
import { shortCommit } from "./fields.js";
import { selectField } from "./filters.js";
import { formatDuration, formatNumber, pluralize } from "./format.js";
import { pageHeader, showPage } from "./layout.js";
import { runLinkById, testLink } from "./links.js";
import { emptyMessage } from "./messages.js";
import { pagedList } from "./paged-list.js";
import phrases from "./phrases.js";
import { quarantineButton, quarantineSection, quarantineTag } from "./quarantine.js";
import { apiUrl, queryValue } from "./urls.js";
import { currentSuite, nameDefaultBranch, pathForSuite, verdictFilters } from "./verdict-filters.js";
import { failureRate, missingVerdictsMessage, verdictBasis, verdictNote } from "./verdicts.js";

const OTHER_STATES = ["broken", ["undecided", stateText("undecided")]];
const PAGE_SIZE = 500;
const EXPLANATION = "A flaky test passes and fails although no change of the code explains it.";

/** Show the flaky tests of a suite. */
export async function view() {
  const [facets, suite, mayWrite] = await Promise.all([fetchPath("facets"), currentSuite(), canWrite()]);
  const reload = mayWrite ? () => view() : null;
  showPage({
    title: "Flaky",
    data: apiUrl.path(pathForSuite("flaky", suite), { branch: queryValue("branch") }),
    content: [
      pageHeader("Flaky", { beside: verdictFilters(facets), below: EXPLANATION }),
      flakyList(suite, reload),
      quarantineSection(suite, reload),
    ],
  });
}

function flakyList(suite, reload) {
  let together = new Map();
  return pagedList({
    path: pathForSuite("flaky", suite),
    fixed: { branch: queryValue("branch") },
    size: PAGE_SIZE,
    noun: "test",
    sort: "-seconds_lost",
    controls: [selectField("state", "State", OTHER_STATES, "flaky")],
    columns,
    above: (page) => {
      nameDefaultBranch(page.verdicts);
      together = Map.groupBy(page.items, (test) => test.cluster);
      return page.verdicts && stateCounts(page.verdicts, together);
    },
    below: (test) => testEvidence(test, test.cluster === null ? [] : together.get(test.cluster), reload),
    empty: (isFiltered, page) => noTestsMessage(isFiltered, page.verdicts),
  });
}

function noTestsMessage(isFiltered, verdicts) {
  const title = isFiltered ? "No test has this state" : "No flaky tests";
  return (
    missingVerdictsMessage(verdicts) ?? emptyMessage(title, `Based on ${pluralize(verdicts.runs, "run")}.`)
  );
}

function stateCounts(verdicts, together) {
  const clusters = [...together.keys()].filter((cluster) => cluster !== null).length;
  const counts = Object.entries(verdicts.counts).filter(([, count]) => count);
  return [
    el(
      "p",
      { class: "facts" },
      counts.map(([state, count]) =>
        el("span", {}, el("i", { class: `dot is-${state}` }), `${formatNumber(count)} ${stateText(state)}`),
      ),
      clusters > 0 && el("span", {}, `${pluralize(clusters, "group")} of tests that fail together`),
      el("span", {}, verdictBasis(verdicts)),
    ),
    verdicts.is_outage && verdictNote(phrases.OUTAGE),
  ];
}

const columns = [
  {
    title: "Test",
    sort: "nodeid",
    grow: true,
    cell: (test) => [
      testLink(test.nodeid, test.suite),
      test.is_new && [" ", el("span", { class: "tag new", title: "in this state since the newest run" }, "new")],
      test.quarantine && [" ", quarantineTag(test.quarantine)],
    ],
  },
  { title: "State", cell: (test) => badge(test.state, { small: true }) },
  {
    title: "Failure rate",
    sort: "rate",
    number: true,
    hint: "current share of first attempts that fail, with its 95 % interval",
    cell: (test) => failureRate(test),
  },
  {
    title: "Runs failed",
    sort: "runs_failed",
    number: true,
    hint: "of the analysed runs",
    cell: (test) => formatNumber(test.runs_failed),
  },
  {
    title: "Time lost",
    sort: "seconds_lost",
    number: true,
    hint: "in failed attempts, and in runs that failed only because of flaky tests",
    cell: (test) => formatDuration(test.seconds_lost),
  },
  {
    title: "Since",
    sort: "since",
    number: true,
    wide: true,
    cell: (test) => [test.since_commit && [shortCommit(test.since_commit), " "], runLinkById(test.since)],
  },
];

function testEvidence(test, together, reload) {
  return el(
    "div",
    { class: "evidence" },
    evidenceList(
      test,
      together?.map((member) => member.nodeid),
    ),
    reload && !test.quarantine && quarantineButton(test, reload),
  );
}
