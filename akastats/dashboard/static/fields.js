/** Fields of runs as elements: commit, branch, age. */

import { el } from "./dom.js";
import { formatAge, formatTime } from "./format.js";

/** Return the first 8 characters of a commit, with a + if there were uncommitted changes; null if unknown. */
export function shortCommit(commit, dirty = false) {
  if (!commit) return null;
  return el(
    "code",
    { class: "commit", title: dirty ? `${commit} with uncommitted changes` : commit },
    commit.slice(0, 8),
    dirty ? "+" : "",
  );
}

/** Return a tag if a run is not one of its branch: a pull request's run or a nested run; else null. */
export function runTag({ pull_request: number, nested }) {
  if (nested) return el("span", { class: "tag", title: "This run was started by another run" }, "nested");
  if (!number) return null;
  return el("span", { class: "tag" }, number === "true" ? "pull request" : `pull request ${number}`);
}

/** Return the name of a branch; null if there is none. */
export function branchName(branch) {
  return branch ? el("span", { class: "branch", title: branch }, branch) : null;
}

/** Return a relative time, with the exact time as its title. */
export function ageElement(seconds) {
  if (!seconds) return "–";
  const date = new Date(seconds * 1000);
  const iso = Number.isNaN(date.getTime()) ? null : date.toISOString();
  return el("time", { datetime: iso, title: formatTime(seconds, "long") }, formatAge(seconds));
}
