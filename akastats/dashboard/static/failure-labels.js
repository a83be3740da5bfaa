/** Labels of failures as tags. */

import { el } from "./dom.js";
import { fillIn, formatPercent } from "./format.js";
import phrases from "./phrases.js";

const LABEL_CLASSES = {
  new: "new",
  "known flaky": "flaky",
  quarantined: "quarantined",
};

/** Return the label of a failure as a tag, with its failure rate or the number of failures. */
export function labelTag(label, rate = null, count = null) {
  const name = label ?? phrases.NO_HISTORY;
  const title = fillIn(phrases.FAILURES[name]?.note ?? "", { base: "the base branch" });
  const parts = [count, name, rate !== null && formatPercent(rate)];
  return el("span", { class: `tag ${LABEL_CLASSES[label] ?? ""}`, title }, parts.filter(Boolean).join(" "));
}

/** Return the labels of several failures as tags, each once with its number of failures. */
export function labelTags(failures) {
  const isOne = failures.length === 1;
  return [...Map.groupBy(failures, (failure) => failure.label)].map(([label, members]) =>
    labelTag(label, members.length === 1 ? members[0].rate : null, isOne ? null : members.length),
  );
}
