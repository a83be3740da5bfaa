/** Suite and branch fields of the views that show verdicts. */

import { fetchPath } from "./api.js";
import { setContent } from "./dom.js";
import { fieldBar, selectField } from "./filters.js";
import { hasQueryValue, navigateWith, queryValue, replaceQuery } from "./urls.js";

/** Return the suite from the URL, else the suite of the newest run; empty for runs without a suite. */
export async function currentSuite() {
  if (hasQueryValue("suite")) return queryValue("suite");
  const newest = await fetchPath("runs", { limit: 1 });
  const suite = newest.items[0]?.suite ?? "";
  replaceQuery({ suite });
  return suite;
}

/** Return select fields for suite and branch. */
export function verdictFilters({ suites, branches, default_branch: defaultBranch }) {
  const suite = selectField("suite", "Suite", suites, "runs without a suite");
  const branch = selectField(
    "branch",
    "Branch",
    branches,
    defaultBranch ? `${defaultBranch} (default)` : "default branch",
  );
  const fields = [suites.length > 0 && suite, branches.length > 1 && branch].filter(Boolean);
  return fieldBar(fields, (field) => navigateWith(field.name, field.value()));
}

/** Show the name of the default branch in the branch field. */
export function nameDefaultBranch(verdicts) {
  const option = document.querySelector("select[name=branch] option[value='']");
  if (option && verdicts?.branch && !queryValue("branch")) setContent(option, `${verdicts.branch} (default)`);
}

/** Return an API path for one suite. Without the parameter the API uses any suite. */
export function pathForSuite(path, suite) {
  return `${path}?suite=${encodeURIComponent(suite)}`;
}
