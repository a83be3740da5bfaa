/** Where things are: the address bar in, addresses out. */

// This file is served at <base>/static/<digest>/place.js, wherever <base> is.
const BASE = new URL("../../", import.meta.url);

const part = encodeURIComponent;

/** Return the path of this page below the base, in decoded parts: `["runs", "2026..."]`. */
export function here() {
  const path = location.pathname.slice(BASE.pathname.length);
  return path.split("/").filter(Boolean).map(decoded);
}

/** Return an address below the base, with those of `query` that are not empty. */
export function address(path, query = {}) {
  const url = new URL(path, BASE);
  for (const [name, value] of Object.entries(query)) {
    if (value !== null && value !== undefined && value !== "") url.searchParams.set(name, value);
  }
  return url.href;
}

/** The addresses of the views. */
export const to = {
  overview: (query) => address("./", query),
  run: (id, fragment = "") => address(`runs/${part(id)}`) + fragment,
  compare: (id, base) => address(`runs/${part(id)}/compare/${part(base)}`),
  tests: (query) => address("tests", query),
  test: (nodeid, suite) => address("test", { nodeid, suite }),
  errors: (query) => address("errors", query),
  error: (fingerprint) => address(`errors/${part(fingerprint)}`),
  stats: (query) => address("stats", query),
  flaky: (query) => address("flaky", query),
  slower: (query) => address("slower", query),
};

/** The addresses of the API. */
export const api = {
  of: (path, query) => address(`api/v1/${path}`, query),
  run: (id) => address(`api/v1/runs/${part(id)}`),
  runTests: (id) => `runs/${part(id)}/tests`,
  profile: (id, format) => address(`api/v1/runs/${part(id)}/profile`, { format }),
  compare: (id, base) => address(`api/v1/runs/${part(id)}/compare/${part(base)}`),
  test: (nodeid, suite) => address(`api/v1/tests/${part(nodeid)}`, { suite }),
  history: (nodeid, suite, limit) => address(`api/v1/tests/${part(nodeid)}/history`, { suite, limit }),
  error: (fingerprint) => address(`api/v1/errors/${part(fingerprint)}`),
  stats: (label) => address(`api/v1/stats/${part(label)}`),
  statsHistory: (label) => address(`api/v1/stats-history/${part(label)}`),
  quarantine: (nodeid, suite, force) => address(`api/v1/quarantine/${part(nodeid)}`, { suite, force }),
  mark: (id, run) => address(`api/v1/regressions/${part(id)}/mark`, { run }),
};

/** Return one value of the query, or `otherwise`. */
export function asked(name, otherwise = "") {
  return new URLSearchParams(location.search).get(name) ?? otherwise;
}

/** Return whether the query has a value by this name, be it an empty one. */
export function isAsked(name) {
  return new URLSearchParams(location.search).has(name);
}

/** Go to this view with another value, which stands in the address also when it is empty. */
export function goWith(name, value) {
  const url = new URL(location.href);
  url.searchParams.set(name, value);
  location.assign(url);
}

/** Put values into the address bar without leaving the page; empty ones are taken out. */
export function remember(values) {
  const url = new URL(location.href);
  for (const [name, value] of Object.entries(values)) {
    if (value === "" || value === null) url.searchParams.delete(name);
    else url.searchParams.set(name, value);
  }
  history.replaceState(history.state, "", url);
}

/** Return `text` if it is the address of a web page, else null: a stranger's text becomes no script. */
export function webAddress(text) {
  try {
    const url = new URL(text);
    return ["http:", "https:"].includes(url.protocol) ? url.href : null;
  } catch {
    return null;
  }
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
