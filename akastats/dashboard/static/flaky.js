/** Flaky: tests that fail without a reason in the code, by what they cost, and those in quarantine. */

import { list, mayWrite } from "./api.js";
import { el } from "./dom.js";
import { counted, duration, number } from "./format.js";
import { evidence, outage } from "./evidence.js";
import { basis, judgedControls, judgedSuite, nameDefault, notYet, ofSuite, rateOf } from "./judged.js";
import { choice, listing } from "./listing.js";
import { badge } from "./marks.js";
import { head, nothing, show } from "./parts.js";
import { api, asked } from "./place.js";
import { held, quarantined, quarantining } from "./quarantine.js";
import { commitId, runById, testLink } from "./words.js";

const STATES = ["broken", "undecided"];
const SIZE = 500;

/** Show the flaky tests of a suite. */
export async function view() {
  const [facets, suite, isAllowed] = await Promise.all([list("facets"), judgedSuite(), mayWrite()]);
  const changed = isAllowed ? () => view() : null;
  show({
    title: "Flaky",
    data: api.of(ofSuite("flaky", suite), { branch: asked("branch") }),
    content: [
      head("Flaky", { beside: judgedControls(facets) }),
      ranked(suite, changed),
      quarantined(suite, changed),
    ],
  });
}

function ranked(suite, changed) {
  let together = new Map();
  return listing({
    path: ofSuite("flaky", suite),
    fixed: { branch: asked("branch") },
    size: SIZE,
    noun: "test",
    sort: "-seconds_lost",
    controls: [choice("state", "State", STATES, "flaky")],
    columns,
    above: (page) => {
      nameDefault(page.verdicts);
      together = Map.groupBy(page.items, (test) => test.cluster);
      return page.verdicts && summary(page.verdicts, together);
    },
    below: (test) => details(test, test.cluster === null ? [] : together.get(test.cluster), changed),
    empty: (isFiltered, page) => none(isFiltered, page.verdicts),
  });
}

function none(isFiltered, judged) {
  const title = isFiltered ? "No test is in this state" : "No test is flaky";
  return (
    notYet(judged, "Flaky is what fails and passes on one commit, or fails now and then.") ??
    nothing(title, `As far as ${counted(judged.runs, "run")} can tell.`)
  );
}

function summary(judged, together) {
  const clusters = [...together.keys()].filter((cluster) => cluster !== null).length;
  const counts = Object.entries(judged.counts).filter(([, count]) => count);
  return [
    el(
      "p",
      { class: "facts" },
      counts.map(([state, count]) =>
        el("span", {}, el("i", { class: `dot is-${state}` }), `${number(count)} ${state}`),
      ),
      clusters > 0 && el("span", {}, `${counted(clusters, "group")} failing together`),
      el("span", {}, basis(judged)),
    ),
    judged.is_outage && outage(),
  ];
}

const columns = [
  {
    title: "Test",
    sort: "nodeid",
    grow: true,
    cell: (test) => [
      testLink(test.nodeid, test.suite),
      test.is_new && [" ", el("span", { class: "tag new", title: "since the newest run" }, "new")],
      test.quarantine && [" ", held(test.quarantine)],
    ],
  },
  { title: "State", cell: (test) => badge(test.state, { small: true }) },
  {
    title: "Fails",
    sort: "rate",
    number: true,
    hint: "share of first attempts that fail at present, and where that lies at 95 %",
    cell: (test) => rateOf(test),
  },
  {
    title: "Runs failed",
    sort: "runs_failed",
    number: true,
    hint: "of those it was judged by",
    cell: (test) => number(test.runs_failed),
  },
  {
    title: "Time lost",
    sort: "seconds_lost",
    number: true,
    hint: "in failed attempts, and in runs that nothing but flaky tests failed",
    cell: (test) => duration(test.seconds_lost),
  },
  { title: "Since", sort: "since", number: true, wide: true, cell: (test) => [test.since_commit && [commitId(test.since_commit), " "], runById(test.since)] },
];

function details(test, together, changed) {
  return el(
    "div",
    { class: "evidence" },
    evidence(
      test,
      together?.map((one) => one.nodeid),
    ),
    changed && !test.quarantine && quarantining(test, changed),
  );
}
