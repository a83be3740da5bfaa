/** URLs of the page and the API, and the query of the current page. */

// This file is served at <base>/static/<digest>/urls.js.
const BASE = new URL("../../", import.meta.url);
const encode = encodeURIComponent;

/** Return the decoded path of this page below the base: `["runs", "2026..."]`. */
export function pathParts() {
  const path = location.pathname.slice(BASE.pathname.length);
  return path.split("/").filter(Boolean).map(decode);
}

/** Return a URL below the base; empty values of `query` are omitted. */
export function appUrl(path, query = {}) {
  const url = new URL(path, BASE);
  for (const [name, value] of Object.entries(query)) {
    if (value !== null && value !== undefined && value !== "") url.searchParams.set(name, value);
  }
  return url.href;
}

/** URLs of the views. */
export const viewUrl = {
  overview: (query) => appUrl("./", query),
  run: (id, fragment = "") => appUrl(`runs/${encode(id)}`) + fragment,
  compare: (id, base) => appUrl(`runs/${encode(id)}/compare/${encode(base)}`),
  tests: (query) => appUrl("tests", query),
  test: (nodeid, suite) => appUrl("test", { nodeid, suite }),
  errors: (query) => appUrl("errors", query),
  error: (fingerprint) => appUrl(`errors/${encode(fingerprint)}`),
  stats: (query) => appUrl("stats", query),
  flaky: (query) => appUrl("flaky", query),
  slower: (query) => appUrl("slower", query),
  speedUp: (query) => appUrl("speed-up", query),
};

/** URLs of the API. */
export const apiUrl = {
  path: (path, query) => appUrl(`api/v1/${path}`, query),
  run: (id) => appUrl(`api/v1/runs/${encode(id)}`),
  runTests: (id) => `runs/${encode(id)}/tests`,
  profile: (id, format) => appUrl(`api/v1/runs/${encode(id)}/profile`, { format }),
  ledger: (id) => appUrl(`api/v1/runs/${encode(id)}/ledger`),
  findings: (id) => appUrl(`api/v1/runs/${encode(id)}/findings`),
  plan: (id) => appUrl(`api/v1/runs/${encode(id)}/plan`),
  compare: (id, base) => appUrl(`api/v1/runs/${encode(id)}/compare/${encode(base)}`),
  test: (nodeid, suite) => appUrl(`api/v1/tests/${encode(nodeid)}`, { suite }),
  history: (nodeid, suite, limit) => appUrl(`api/v1/tests/${encode(nodeid)}/history`, { suite, limit }),
  error: (fingerprint) => appUrl(`api/v1/errors/${encode(fingerprint)}`),
  stats: (label) => appUrl(`api/v1/stats/${encode(label)}`),
  statsHistory: (label) => appUrl(`api/v1/stats-history/${encode(label)}`),
  quarantine: (nodeid, suite, force) => appUrl(`api/v1/quarantine/${encode(nodeid)}`, { suite, force }),
  findingMark: (id, query) => appUrl(`api/v1/findings/${encode(id)}/mark`, query),
  mark: (id, run) => appUrl(`api/v1/regressions/${encode(id)}/mark`, { run }),
};

/** Return a parameter of the page's query, or `otherwise`. */
export function queryValue(name, otherwise = "") {
  return new URLSearchParams(location.search).get(name) ?? otherwise;
}

/** Return whether the page's query has a parameter, even an empty one. */
export function hasQueryValue(name) {
  return new URLSearchParams(location.search).has(name);
}

/** Open this page with another parameter; an empty value is kept in the URL. */
export function navigateWith(name, value) {
  const url = new URL(location.href);
  url.searchParams.set(name, value);
  location.assign(url);
}

/** Set parameters in the URL without reloading; empty values are removed. */
export function replaceQuery(values) {
  const url = new URL(location.href);
  for (const [name, value] of Object.entries(values)) {
    if (value === "" || value === null) url.searchParams.delete(name);
    else url.searchParams.set(name, value);
  }
  history.replaceState(history.state, "", url);
}

/** Return the URL if `text` is an http or https URL, else null, so that untrusted text never becomes a script. */
export function httpUrl(text) {
  try {
    const url = new URL(text);
    return ["http:", "https:"].includes(url.protocol) ? url.href : null;
  } catch {
    return null;
  }
}

function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
