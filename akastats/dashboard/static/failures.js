/** Failures grouped by fingerprint: what was raised, where, how many tests it hit, its traceback. */

import { contexts } from "./api.js";
import { el } from "./dom.js";
import { counted } from "./format.js";
import { later } from "./parts.js";
import { to } from "./place.js";
import { traceback } from "./traceback.js";
import { age, testLink } from "./words.js";

const OPEN = 3;
const SHOWN_TESTS = 8;

/** Return the groups of a run or test, each foldable; the first few are open. */
export function failures(groups, suite) {
  const ids = groups.map((group) => group.error_id).filter(Boolean);
  const texts = contexts(ids);
  return el(
    "div",
    { class: "failures" },
    groups.map((group, place) => one(group, suite, texts, place < OPEN)),
  );
}

function one(group, suite, texts, isOpen) {
  const body = el("div", { class: "body" });
  // A traceback is drawn when it is first opened: a hundred of them at once would be felt.
  const draw = () =>
    body.firstChild ??
    body.append(
      tests(group, suite),
      later(texts, (known) => text(group, known)),
    );
  const whole = el(
    "details",
    { class: "failure", open: isOpen, on: { toggle: () => whole.open && draw() } },
    summary(group),
    body,
  );
  if (isOpen) draw();
  return whole;
}

function summary(group) {
  return el(
    "summary",
    {},
    el(
      "span",
      { class: "what" },
      el("b", {}, group.exception ?? "A failure whose traceback has expired"),
      group.message && el("span", { class: "message" }, firstLine(group.message)),
    ),
    el("span", { class: "tally" }, news(group), counted(group.count, "test")),
  );
}

function news(group) {
  if (group.seen_before === false) return el("span", { class: "tag new" }, "new");
  if (group.seen_before && group.first_seen)
    return el("span", { class: "quiet" }, "since ", age(group.first_seen));
  return null;
}

function tests({ tests, count, fingerprint }, suite) {
  const item = (nodeid) => el("li", {}, testLink(nodeid, suite));
  const all = el("ul", { class: "tests" }, tests.slice(0, SHOWN_TESTS).map(item));
  const rest = tests.slice(SHOWN_TESTS);
  const more = el(
    "button",
    { class: "plain", on: { click: () => (all.append(...rest.map(item)), more.remove()) } },
    `${rest.length} more`,
  );
  return el(
    "div",
    { class: "hit" },
    all,
    rest.length > 0 && more,
    count > tests.length && el("p", { class: "note" }, `${count - tests.length} more are not listed`),
    fingerprint && el("p", { class: "note" }, el("a", { href: to.error(fingerprint) }, "This failure over time")),
  );
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
