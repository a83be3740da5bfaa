/** View of findings and predictions: what costs time in a run, and the predicted duration with changes that the user chooses. */

import { canWrite, fetchJson, fetchPath } from "./api.js";
import { el, setContent } from "./dom.js";
import { fieldBar, searchField, selectField } from "./filters.js";
import { findingTable, fixedTable, planTable } from "./findings.js";
import { formatDuration } from "./format.js";
import { ledgerBars } from "./ledger.js";
import { pageHeader, section, showPage } from "./layout.js";
import { runLinkById } from "./links.js";
import { emptyMessage, errorMessage, whenLoaded } from "./messages.js";
import { latestRun } from "./overview.js";
import { apiUrl, queryValue, replaceQuery } from "./urls.js";
import { currentSuite, verdictFilters } from "./verdict-filters.js";

const DISTRIBUTIONS = ["load", "worksteal", "loadscope", "loadfile", "loadgroup", "each"];
const EXPLANATION = "What costs time in the newest run, and what a change would save.";
// Number of newest runs among which the newest finished one is searched.
const NEWEST_RUNS = 20;

/** Show the findings of the run in the URL, else of the newest run of a suite. */
export async function view() {
  const [facets, suite, mayWrite] = await Promise.all([fetchPath("facets"), currentSuite(), canWrite()]);
  const run = await findRun(suite);
  showPage({
    title: "Speed up",
    data: run && apiUrl.findings(run.id),
    content: [
      pageHeader("Speed up", { beside: verdictFilters(facets), below: run ? runFacts(run) : EXPLANATION }),
      run ? sections(run, suite, mayWrite) : emptyMessage("No runs of this suite"),
    ],
  });
}

async function findRun(suite) {
  const id = queryValue("run");
  if (id) return fetchJson(apiUrl.run(id));
  const { items } = await fetchPath("runs", { suite, branch: queryValue("branch"), limit: NEWEST_RUNS });
  const runs = items.filter((run) => (run.suite ?? "") === suite);
  return runs.length ? latestRun(runs) : null;
}

function runFacts({ id, duration }) {
  return [el("span", {}, EXPLANATION), el("span", {}, runLinkById(id), `, ${formatDuration(duration)}`)];
}

function sections(run, suite, mayWrite) {
  const findings = fetchJson(apiUrl.findings(run.id));
  return [
    section(
      "Findings",
      { id: "findings", note: "the largest saving first" },
      whenLoaded(findings, (answer) => findingTable(answer, suite, mayWrite)),
    ),
    section(
      "What if",
      { id: "what-if", note: "predicted from this run" },
      whenLoaded(findings, (answer) => whatIf(run.id, answer.findings)),
    ),
    section(
      "Fixed",
      { id: "fixed", note: "what earlier changes really saved" },
      whenLoaded(fetchPath("predictions", { suite, branch: run.branch }), fixedTable),
    ),
    section(
      "Where the time went",
      { id: "time", note: "wall time of all processes" },
      whenLoaded(fetchJson(apiUrl.ledger(run.id)), ledgerBars),
    ),
  ];
}

/** Return fields for changes of a run, and the predicted durations, which follow the fields. */
function whatIf(id, findings) {
  const kinds = [...new Set(findings.map(({ kind }) => kind))];
  const fields = [
    searchField("workers", "Workers, such as 0,2,4"),
    selectField("dist", "Distribution", DISTRIBUTIONS, "usual distributions"),
    selectField("order", "Order", ["longest-first"], "collected order"),
    searchField("without", "Fixture to omit"),
    kinds.length > 0 && selectField("fix", "Finding to fix", kinds, "no finding fixed"),
  ].filter(Boolean);
  const answer = el("div", { "aria-live": "polite" });
  let latest = 0;
  const predict = async () => {
    const request = (latest += 1);
    const values = Object.fromEntries(fields.map((field) => [field.name, field.value().trim()]));
    replaceQuery(values);
    const content = await fetchJson(planUrl(id, values)).then(planTable, errorMessage);
    if (request === latest) setContent(answer, content);
  };
  const bar = fieldBar(fields, predict);
  predict();
  return [bar, answer];
}

function planUrl(id, { workers, ...others }) {
  const url = new URL(apiUrl.plan(id));
  for (const number of workers.split(/[\s,]+/).filter(Boolean)) url.searchParams.append("workers", number);
  for (const [name, value] of Object.entries(others)) if (value) url.searchParams.append(name, value);
  return url.href;
}
