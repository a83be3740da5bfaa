/** Entry point: choose the view for the URL, set the color scheme, install keyboard shortcuts. */

import { initColorScheme } from "./color-scheme.js";
import { initKeyboard } from "./keyboard.js";
import { pageHeader, showPage } from "./layout.js";
import { emptyMessage, errorMessage } from "./messages.js";
import { restoreScroll } from "./scroll-position.js";
import { pathParts, queryValue } from "./urls.js";

// Path patterns and their views. Each module is loaded when its view is first opened.
const ROUTES = [
  [[], () => import("./overview.js")],
  [["runs", "*"], () => import("./run-details.js")],
  [["runs", "*", "compare", "*"], () => import("./run-comparison.js")],
  [["tests"], () => import("./test-list.js")],
  [["test"], () => import("./test-details.js")],
  [["flaky"], () => import("./flaky-tests.js")],
  [["slower"], () => import("./slower-tests.js")],
  [["speed-up"], () => import("./speed-up.js")],
  [["errors"], () => import("./error-list.js")],
  [["errors", "*"], () => import("./error-details.js")],
  [["stats"], () => (queryValue("label") ? import("./stat-details.js") : import("./stat-list.js"))],
];

async function showView() {
  const parts = pathParts();
  markCurrentView(parts[0] ?? "");
  const route = ROUTES.find(([pattern]) => matchesPath(pattern, parts));
  if (!route) return showMessage("Not found", emptyMessage("This page does not exist"));
  try {
    const view = await route[1]();
    await view.view(...parts.filter((_, index) => route[0][index] === "*"));
  } catch (error) {
    if (error.status === 404) showMessage("Not found", missingMessage(parts, error));
    else showMessage("Cannot load this page", errorMessage(error));
    if (error.status === undefined) console.error(error);
  }
  return null;
}

// A user who follows a link does not know the labels and namespaces in the API's messages.
function missingMessage([view, id, , base], error) {
  const noun = { runs: "Run", test: "Test", errors: "Error" }[view];
  const names = [view === "test" ? queryValue("nodeid") : id, base].filter(Boolean);
  // The message of an expired profile belongs to an existing run. The name of a test may also contain "profile".
  if (!noun || /^(?:no|this) profile /.test(error.message)) return errorMessage(error);
  return emptyMessage(
    `${noun} not found: ${names.join(" or ")}`,
    `It has expired or was never recorded on this server${view === "test" ? ", or it belongs to another suite" : ""}.`,
  );
}

function showMessage(title, message) {
  showPage({ title, content: [pageHeader(title), message] });
}

function matchesPath(pattern, parts) {
  return pattern.length === parts.length && pattern.every((part, index) => part === "*" || part === parts[index]);
}

/** Highlight the current view in the navigation; a run highlights the overview, a test the list of tests. */
function markCurrentView(first) {
  const view = { runs: "", test: "tests" }[first] ?? first;
  const link = document.querySelector(`.top nav a[data-view="${CSS.escape(view)}"]`);
  link?.setAttribute("aria-current", "page");
  // On a narrow screen the navigation scrolls sideways.
  link?.scrollIntoView({ block: "nearest", inline: "nearest" });
}

initColorScheme();

initKeyboard();

restoreScroll();

showView();
