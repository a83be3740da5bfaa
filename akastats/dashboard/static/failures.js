/** Failures grouped by fingerprint: what was raised, where, how many tests it hit, its traceback. */

import { contexts } from "./api.js";
import { el } from "./dom.js";
import { counted } from "./format.js";
import { labelTag, labelTags } from "./judged.js";
import { later } from "./parts.js";
import { to } from "./place.js";
import { traceback } from "./traceback.js";
import { age, nodeName, testLink } from "./words.js";

const OPEN = 3;
const SHOWN_TESTS = 8;

/**
 * Return the groups of a run, each foldable, the first few open; with `nodeid` those of this one test.
 *
 * `judged` are the run's failures as its verdicts label them.
 */
export function failures(groups, suite, { nodeid = null, judged = [] } = {}) {
  const ids = groups.map((group) => group.error_id).filter(Boolean);
  const texts = contexts(ids);
  const labels = new Map(judged.map((one) => [one.nodeid, one]));
  return el(
    "div",
    { class: "failures" },
    groups.map((group, place) => one(group, { suite, nodeid, texts, labels }, place < OPEN)),
  );
}

function one(group, { suite, nodeid, texts, labels }, isOpen) {
  const body = el("div", { class: "body" });
  // A traceback is drawn when it is first opened: a hundred of them at once would be felt.
  const draw = () =>
    body.firstChild ??
    body.append(
      hit(group, suite, nodeid, labels),
      later(texts, (known) => text(group, known)),
    );
  const whole = el(
    "details",
    { class: "failure", open: isOpen, on: { toggle: () => whole.open && draw() } },
    summary(group, nodeid ? "time" : group.tests.some(isTest) ? "test" : "file", labels),
    body,
  );
  if (isOpen) draw();
  return whole;
}

function summary(group, noun, labels) {
  return el(
    "summary",
    {},
    el(
      "span",
      { class: "what" },
      el("b", {}, group.exception ?? "A failure whose traceback has expired"),
      group.message && el("span", { class: "message" }, firstLine(group.message)),
    ),
    el("span", { class: "tally" }, news(group, labels), counted(group.count, noun)),
  );
}

// What was judged says more than that a failure was not seen before.
function news(group, labels) {
  const judged = group.tests.map((nodeid) => labels.get(nodeid)).filter((one) => one?.label);
  if (judged.length) return labelTags(judged);
  if (group.tests.some((nodeid) => labels.has(nodeid))) return el("span", { class: "quiet" }, "no history");
  if (group.seen_before === false) return el("span", { class: "quiet" }, "not seen before");
  if (group.seen_before && group.first_seen)
    return el("span", { class: "quiet" }, "since ", age(group.first_seen));
  return null;
}

function hit({ tests, count, fingerprint }, suite, nodeid, labels) {
  return el(
    "div",
    { class: "hit" },
    nodeid === null && list(tests, suite, labels),
    nodeid === null &&
      count > tests.length &&
      el("p", { class: "note" }, `${count - tests.length} more are not listed`),
    fingerprint && el("p", { class: "note" }, el("a", { href: to.error(fingerprint) }, "This failure over time")),
  );
}

function list(tests, suite, labels) {
  const item = (nodeid) => el("li", {}, named(nodeid, suite), " ", labelled(labels.get(nodeid)));
  const all = el("ul", { class: "tests" }, tests.slice(0, SHOWN_TESTS).map(item));
  const rest = tests.slice(SHOWN_TESTS);
  if (!rest.length) return all;
  const open = () => (all.append(...rest.map(item)), more.remove());
  const more = el("button", { class: "plain", on: { click: open } }, `${rest.length} more`);
  return [all, more];
}

function named(nodeid, suite) {
  return isTest(nodeid) ? testLink(nodeid, suite) : nodeName(nodeid);
}

// A file that could not be collected is no test that one could look at.
function isTest(nodeid) {
  return nodeid.includes("::");
}

function labelled(judged) {
  return judged?.label ? labelTag(judged.label, judged.rate) : null;
}

function text(group, known) {
  const found = group.error_id && known[group.error_id];
  return found
    ? traceback(found)
    : el(
        "p",
        { class: "note" },
        group.error_id
          ? "Its traceback has expired, or this token may not read it."
          : "Its traceback has expired.",
      );
}

/** Return a message's first line. */
export function firstLine(message) {
  return message.split("\n", 1)[0];
}
