/** Failures of a run or test, grouped by fingerprint, with tests and traceback. */

import { fetchContexts } from "./api.js";
import { el } from "./dom.js";
import { labelTag, labelTags } from "./failure-labels.js";
import { ageElement } from "./fields.js";
import { pluralize } from "./format.js";
import { nodeIdText, testLink } from "./links.js";
import { whenLoaded } from "./messages.js";
import { traceback } from "./traceback.js";
import { viewUrl } from "./urls.js";

const OPEN_GROUPS = 3;
const FIRST_TESTS = 8;

/**
 * Return the failure groups of a run; with `nodeid`, those of one test. The first few are expanded.
 *
 * `verdicts` are the labelled failures of the run's verdicts.
 */
export function failureGroups(groups, suite, { nodeid = null, verdicts = [] } = {}) {
  const ids = groups.map((group) => group.error_id).filter(Boolean);
  const texts = fetchContexts(ids);
  const labels = new Map(verdicts.map((verdict) => [verdict.nodeid, verdict]));
  return el(
    "div",
    { class: "failures" },
    groups.map((group, index) => failureGroup(group, { suite, nodeid, texts, labels }, index < OPEN_GROUPS)),
  );
}

function failureGroup(group, { suite, nodeid, texts, labels }, isOpen) {
  const body = el("div", { class: "body" });
  // Render each traceback when it is first expanded, because rendering a hundred at once is slow.
  const draw = () =>
    body.firstChild ??
    body.append(
      affectedTests(group, suite, nodeid, labels),
      whenLoaded(texts, (contexts) => tracebackOrNote(group, contexts)),
    );
  const details = el(
    "details",
    { class: "failure", open: isOpen, on: { toggle: () => details.open && draw() } },
    summary(group, nodeid ? "time" : group.tests.some(isTest) ? "test" : "file", labels),
    body,
  );
  if (isOpen) draw();
  return details;
}

function summary(group, noun, labels) {
  return el(
    "summary",
    {},
    el(
      "span",
      { class: "subject" },
      el("b", {}, group.exception ?? "Failure with expired traceback"),
      group.message && el("span", { class: "message" }, firstLine(group.message)),
    ),
    el("span", { class: "tally" }, groupLabels(group, labels), pluralize(group.count, noun)),
  );
}

// A label from the verdicts is more precise than whether the failure was seen before.
function groupLabels(group, labels) {
  const verdicts = group.tests.map((nodeid) => labels.get(nodeid)).filter(Boolean);
  if (verdicts.length) return labelTags(verdicts);
  if (group.seen_before === false) return el("span", { class: "muted" }, "first occurrence");
  if (group.seen_before && group.first_seen)
    return el("span", { class: "muted" }, "first seen ", ageElement(group.first_seen));
  return null;
}

function affectedTests({ tests, count, fingerprint }, suite, nodeid, labels) {
  return el(
    "div",
    { class: "affected" },
    nodeid === null && testList(tests, suite, labels),
    nodeid === null &&
      count > tests.length &&
      el("p", { class: "note" }, `${count - tests.length} more tests are not listed`),
    fingerprint &&
      el("p", { class: "note" }, el("a", { href: viewUrl.error(fingerprint) }, "History of this error")),
  );
}

function testList(tests, suite, labels) {
  const item = (nodeid) => el("li", {}, testName(nodeid, suite), " ", failureLabel(labels.get(nodeid)));
  const list = el("ul", { class: "tests" }, tests.slice(0, FIRST_TESTS).map(item));
  const rest = tests.slice(FIRST_TESTS);
  if (!rest.length) return list;
  const expand = () => (list.append(...rest.map(item)), more.remove());
  const more = el("button", { class: "plain", on: { click: expand } }, `${rest.length} more`);
  return [list, more];
}

function testName(nodeid, suite) {
  return isTest(nodeid) ? testLink(nodeid, suite) : nodeIdText(nodeid);
}

// A file that could not be collected has no page of its own.
function isTest(nodeid) {
  return nodeid.includes("::");
}

function failureLabel(verdict) {
  return verdict ? labelTag(verdict.label, verdict.rate) : null;
}

function tracebackOrNote(group, contexts) {
  const text = group.error_id && contexts[group.error_id];
  return text
    ? traceback(text)
    : el(
        "p",
        { class: "note" },
        group.error_id
          ? "The traceback has expired, or your token may not read it."
          : "The traceback has expired.",
      );
}

/** Return the first line of a message. */
export function firstLine(message) {
  return message.split("\n", 1)[0];
}
