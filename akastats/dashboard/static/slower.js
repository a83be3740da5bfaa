/** Slower: how fast the suite is as a whole, and what became slower since when, the newest first. */

import { list, mayWrite } from "./api.js";
import { el } from "./dom.js";
import { counted, duration } from "./format.js";
import { basis, judgedControls, judgedSuite, nameDefault, notYet, ofSuite } from "./judged.js";
import { choice, listing } from "./listing.js";
import { groups, move } from "./moves.js";
import { head, nothing, section, show } from "./parts.js";
import { api, asked } from "./place.js";
import { pace } from "./pace.js";

const KINDS = [
  ["test", "tests"],
  ["fixture", "fixtures"],
  ["collect", "collection"],
  ["stat", "your own numbers"],
];
const SIZE = 500;

/** Show what became slower in a suite. */
export async function view() {
  const [facets, suite, isAllowed] = await Promise.all([list("facets"), judgedSuite(), mayWrite()]);
  show({
    title: "Slower",
    data: api.of(ofSuite("regressions", suite), { branch: asked("branch") }),
    content: [head("Slower", { beside: judgedControls(facets) }), changes(suite, isAllowed)],
  });
}

function changes(suite, isAllowed) {
  return listing({
    path: ofSuite("regressions", suite),
    fixed: { branch: asked("branch") },
    size: SIZE,
    noun: "change",
    controls: [
      choice("kind", "Kind", KINDS, "everything"),
      choice("faster", "Direction", [["true", "slower and faster"]], "slower"),
    ],
    above: (page) => {
      nameDefault(page.verdicts);
      return page.verdicts && [whole(page, isAllowed), el("h2", {}, "What became slower")];
    },
    draw: (page) => el("div", { class: "moves" }, groups(page.items, isAllowed ? page.verdicts.run : null)),
    empty: (isFiltered, page) => none(isFiltered, page.verdicts),
  });
}

function none(isFiltered, judged) {
  return (
    notYet(judged, "A test needs 10 before its duration is judged.") ??
    nothing(
      isFiltered ? "Nothing of this kind changed" : "Nothing became slower",
      `As far as ${counted(judged.runs, "run")} can tell.`,
      judged.undecided > 0 &&
        ` ${counted(judged.undecided, "duration has", "durations have")} too short a history.`,
    )
  );
}

function whole({ suite_changes: found, paces, verdicts }, isAllowed) {
  return section(
    "The suite as a whole",
    { id: "suite", note: basis(verdicts) },
    el("p", { class: "facts" }, usual(verdicts)),
    paces?.length > 1 && el("div", { class: "card" }, pace(paces, found)),
    found.length > 0 &&
      el(
        "div",
        { class: "moves" },
        found.map((change) => move(change, isAllowed ? verdicts.run : null)),
      ),
  );
}

function usual({ pace: factor, seconds, usual_seconds: usual_ }) {
  return [
    seconds !== null && el("span", {}, `The newest run took ${duration(seconds)}`),
    usual_ !== null && el("span", {}, `its usual is ${duration(usual_)}`),
    factor !== null && el("span", {}, `the same tests took ${factor.toFixed(2)} times their usual`),
  ];
}
