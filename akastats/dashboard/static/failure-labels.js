/** Labels of failures: new, known flaky, quarantined, also failing on base. */

import { el } from "./dom.js";
import { formatPercent } from "./format.js";

const LABEL_CLASSES = {
  new: "new",
  "known flaky": "flaky",
  quarantined: "quarantined",
  "also failing on base": "base",
};

/** Return the label of a failure as a tag, with its failure rate or the number of failures. */
export function labelTag(label, rate = null, count = null) {
  const parts = [count, label, label === "known flaky" && rate !== null && formatPercent(rate)];
  const title = LABEL_HINTS[label] ?? null;
  return el("span", { class: `tag ${LABEL_CLASSES[label] ?? ""}`, title }, parts.filter(Boolean).join(" "));
}

const LABEL_HINTS = {
  new: "did not fail on the base branch",
  "known flaky": "fails intermittently; the percentage is the share of first attempts that fail",
  "also failing on base": "also failed in the newest run of the base branch",
  quarantined: "does not fail runs with --akastats-quarantine",
};

/** Return the labels of several failures as tags, each once with its number of failures. */
export function labelTags(failures) {
  const isOne = failures.length === 1;
  return [...Map.groupBy(failures, (failure) => failure.label)]
    .filter(([label]) => label)
    .map(([label, labelled]) =>
      labelTag(label, labelled.length === 1 ? labelled[0].rate : null, isOne ? null : labelled.length),
    );
}
