/** Outcomes of tests: their letters in the API and their colours. */

/** Letters of the API's outcome strings. */
export const OUTCOME_OF_LETTER = {
  p: "passed",
  f: "failed",
  e: "error",
  x: "xfailed",
  X: "xpassed",
  r: "rerun",
  s: "skipped",
  "?": "unknown",
  ".": "absent",
};

/** CSS variables of the outcomes' colours. */
export const OUTCOME_COLOURS = {
  passed: "--pass",
  failed: "--fail",
  error: "--error",
  rerun: "--rerun",
  skipped: "--skip",
  xfailed: "--xfail",
  xpassed: "--xpass",
};
