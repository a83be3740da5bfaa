/** Messages for missing data and failed requests, and a container that waits for data. */

import { el, setContent } from "./dom.js";
import { appUrl } from "./urls.js";

/** Return a message for an empty list or a missing object. */
export function emptyMessage(title, ...details) {
  return el(
    "div",
    { class: "empty" },
    el("p", { class: "title" }, title),
    details.length ? el("p", {}, details) : null,
  );
}

/** Return the message for a server without runs. */
export function noRunsMessage() {
  return el(
    "div",
    { class: "empty first" },
    el("p", { class: "title" }, "No runs yet"),
    el("p", {}, "Record a run in a project that uses this server:"),
    el("pre", {}, el("code", {}, "pytest --akastats")),
    el(
      "p",
      {},
      "The run appears here while it is in progress. To add older runs from JUnit XML, use ",
      el("code", {}, "akastats import report.xml"),
      ".",
    ),
  );
}

/** Return the message for a failed request. */
export function errorMessage(error) {
  if (error.status === 401)
    return emptyMessage(
      "Please log in",
      el("a", { href: location.href }, "Log in with a token"),
      " to view this page.",
    );
  if (error.status === 403) return emptyMessage("Your token does not allow this", error.message);
  if (error.status === 404) return emptyMessage("Not found", error.message);
  return el(
    "div",
    { class: "empty", role: "alert" },
    el("p", { class: "title" }, "Cannot load this content"),
    el("p", {}, error.message),
    el("p", {}, el("a", { href: appUrl("api/v1/health") }, "Health of the server")),
  );
}

/** Return a container that shows `draw(value)` when the promise resolves, or an error message. */
export function whenLoaded(promise, draw) {
  const container = el("div", { class: "loading", "aria-busy": "true" });
  promise
    .then(
      (value) => setContent(container, draw(value)),
      (error) => setContent(container, errorMessage(error)),
    )
    .catch((error) => {
      setContent(container, errorMessage(error));
      console.error(error);
    })
    .finally(() => container.removeAttribute("aria-busy"));
  return container;
}
