/** Links to tests and runs. */

import { el } from "./dom.js";
import { formatTime } from "./format.js";
import { viewUrl } from "./urls.js";

/** Return a link to a test; `tag` adds the name of its suite. */
export function testLink(nodeid, suite, { tag = false } = {}) {
  return el(
    "a",
    { class: "nodeid", href: viewUrl.test(nodeid, suite) },
    splitNodeId(nodeid),
    tag && suite && [" ", el("span", { class: "tag" }, suite)],
  );
}

/** Return a node id as text. */
export function nodeIdText(nodeid) {
  return el("span", { class: "nodeid" }, splitNodeId(nodeid));
}

function splitNodeId(nodeid) {
  const separator = nodeid.indexOf("::");
  if (separator < 0) return breakableText(nodeid);
  return [
    el("span", { class: "muted" }, breakableText(nodeid.slice(0, separator + 2))),
    el("wbr"),
    breakableText(nodeid.slice(separator + 2)),
  ];
}

/** Return text with line-break opportunities after slashes and underscores. */
export function breakableText(text) {
  return text.split(/(?<=[/_])(?=[^/_])/).flatMap((piece, index) => (index ? [el("wbr"), piece] : [piece]));
}

/** Return a link to a run, labelled with its start. */
export function runLink(id, started) {
  return el(
    "a",
    { class: "nowrap", href: viewUrl.run(id), title: `run ${id}` },
    started ? formatTime(started) : id,
  );
}

/** Return the start that a run id encodes, in epoch seconds; null for another id. */
export function runStart(id) {
  const match = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)/.exec(id ?? "");
  if (!match) return null;
  const [year, month, ...rest] = match.slice(1).map(Number);
  return Date.UTC(year, month - 1, ...rest) / 1000;
}

/** Return a link to a run from its id alone; null if the id is missing. */
export function runLinkById(id) {
  return id ? runLink(id, runStart(id)) : null;
}
