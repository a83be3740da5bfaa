/** Requests to the API. Other modules fetch data only through this module. */

import { apiUrl } from "./urls.js";

/** Failed request; `status` is the HTTP status, 0 if there was no response. */
class RequestError extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

/** Return the JSON at a URL; throws `RequestError`. */
export async function fetchJson(url, options = {}) {
  const response = await request(url, options);
  if (!response.ok) throw new RequestError(await readErrorDetail(response), response.status);
  return response.status === 204 ? null : response.json();
}

/** Send `body` as JSON and return the response; throws `RequestError`. */
export function sendJson(method, url, body = undefined) {
  const headers = body === undefined ? {} : { "Content-Type": "application/json" };
  return fetchJson(url, { method, headers, body: body === undefined ? null : JSON.stringify(body) });
}

let scopesRequest = null;

/** Return whether the caller has the `write` scope. Requests it once per page. */
export async function canWrite() {
  scopesRequest ??= fetchPath("scopes");
  return (await scopesRequest).scopes.includes("write");
}

/** Return the JSON of an API path, for lists `{items, next, ...}`. */
export function fetchPath(path, query, options) {
  return fetchJson(apiUrl.path(path, query), options);
}

/** Return stat contexts by id; empty if the caller's token may not read them. */
export async function fetchContexts(ids) {
  if (!ids.length) return {};
  try {
    return await sendJson("POST", apiUrl.path("stat-contexts"), [...new Set(ids)].slice(0, 1000));
  } catch (error) {
    if (error.status === 403) return {};
    throw error;
  }
}

/** Return the value of a request, or null for a 404. */
export async function nullIfMissing(response) {
  try {
    return await response;
  } catch (error) {
    if (error.status === 404) return null;
    throw error;
  }
}

async function request(url, options) {
  try {
    return await fetch(url, { credentials: "same-origin", ...options });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new RequestError("Cannot reach the server. Check that `akastats serve` is running.", 0);
  }
}

async function readErrorDetail(response) {
  try {
    return (await response.json()).detail ?? response.statusText;
  } catch {
    return `${response.status} ${response.statusText}`;
  }
}
