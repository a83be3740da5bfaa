/** The only way to data: questions to the API, answers as values, problems as errors. */

import { address, api } from "./place.js";

/** A question that was not answered: `status` is HTTP's, 0 without any answer. */
export class Unanswered extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

/** Return the JSON at an address. */
export async function read(url, options = {}) {
  const answer = await sent(url, options);
  if (!answer.ok) throw new Unanswered(await detail(answer), answer.status);
  return answer.status === 204 ? null : answer.json();
}

/** Ask for something to be changed; what was not is an `Unanswered`. */
export function send(method, url, body = undefined) {
  const headers = body === undefined ? {} : { "Content-Type": "application/json" };
  return read(url, { method, headers, body: body === undefined ? null : JSON.stringify(body) });
}

let granted = null;

/** Tell whether the asking one may change something; asked once. */
export async function mayWrite() {
  granted ??= read(address("api/v1/scopes"));
  return (await granted).scopes.includes("write");
}

/** Return a list's page: `{items, next, ...}`. */
export function list(path, query, options) {
  return read(api.of(path, query), options);
}

/** Return contexts by id; an empty object where this reader may not see them. */
export async function contexts(ids) {
  if (!ids.length) return {};
  const body = JSON.stringify([...new Set(ids)].slice(0, 1000));
  const headers = { "Content-Type": "application/json" };
  try {
    return await read(address("api/v1/stat-contexts"), { method: "POST", body, headers });
  } catch (error) {
    if (error.status === 403) return {};
    throw error;
  }
}

/** Return what `question` answers, or null where there is no such thing. */
export async function ifThere(question) {
  try {
    return await question;
  } catch (error) {
    if (error.status === 404) return null;
    throw error;
  }
}

async function sent(url, options) {
  try {
    return await fetch(url, { credentials: "same-origin", ...options });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Unanswered("The service does not answer. Is `akastats serve` still running?", 0);
  }
}

async function detail(answer) {
  try {
    return (await answer.json()).detail ?? answer.statusText;
  } catch {
    return `${answer.status} ${answer.statusText}`;
  }
}
