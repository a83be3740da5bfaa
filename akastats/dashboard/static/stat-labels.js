/** Labels of statistics: display names, formats and summaries. */

import { sendJson } from "./api.js";
import { el } from "./dom.js";
import { formatDuration, formatNumber } from "./format.js";
import { apiUrl } from "./urls.js";

const DURATION_LABEL = /^(?:test|fixture|collect)(?:@[\w.-]+)?::|^run(?:@[\w.-]+)?::(?:duration|collect)$/;
const ROOT_FIXTURE = /^fixture(?:@([\w.-]+))?::::(.+)$/s;

/** Return the parts of a label's display name: the name of a plugin's fixture without its empty path, then tags. */
export function labelParts(label) {
  const [, suite, name] = ROOT_FIXTURE.exec(label) ?? [];
  return name ? [name, "fixture", suite].filter(Boolean) : [label];
}

/** Return the display name of a label. */
export function labelName(label) {
  const [name, ...tags] = labelParts(label);
  return [name, tags.map((tag) => [" ", el("span", { class: "tag" }, tag)])];
}

/** Return the summaries of labels, by label. */
export function fetchSummaries(labels) {
  return sendJson("POST", apiUrl.path("stats"), labels);
}

/** Return the format of a label's values: a duration for the plugin's labels, else a plain number. */
export function formatterOf(label) {
  return DURATION_LABEL.test(label) ? formatDuration : formatNumber;
}
