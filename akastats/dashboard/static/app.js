/** The page's start: which view an address means, the colour scheme, the keys. */

import { asked, here } from "./place.js";
import { failure, head, nothing, show } from "./parts.js";
import { keys } from "./keys.js";
import { resume } from "./resume.js";
import { scheme } from "./scheme.js";

// One module a view, fetched when it is looked at.
const VIEWS = [
  [[], () => import("./overview.js")],
  [["runs", "*"], () => import("./run.js")],
  [["runs", "*", "compare", "*"], () => import("./compare.js")],
  [["tests"], () => import("./tests.js")],
  [["test"], () => import("./test.js")],
  [["flaky"], () => import("./flaky.js")],
  [["slower"], () => import("./slower.js")],
  [["errors"], () => import("./errors.js")],
  [["errors", "*"], () => import("./error.js")],
  [["stats"], () => import("./stats.js")],
];

async function start() {
  const parts = here();
  mark(parts[0] ?? "");
  const found = VIEWS.find(([shape]) => fits(shape, parts));
  if (!found) return missed("Not found", nothing("There is no such page"));
  try {
    const view = await found[1]();
    await view.view(...parts.filter((_, place) => found[0][place] === "*"));
  } catch (error) {
    if (error.status === 404) missed("Not found", absent(parts, error));
    else missed("Not loaded", failure(error));
    if (error.status === undefined) console.error(error);
  }
  return null;
}

// In the words of who followed a link: the API's are of labels and namespaces.
function absent([view, id, , base], error) {
  const noun = { runs: "run", test: "test", errors: "error" }[view];
  const named = [view === "test" ? asked("nodeid") : id, base].filter(Boolean);
  // It is there, but no longer what its tests took; a test may be called so too.
  if (!noun || /^(?:no|this) profile /.test(error.message)) return failure(error);
  return nothing(
    `No such ${noun}: ${named.join(", or ")}`,
    `It has expired, was never recorded here${view === "test" ? ", or is of another suite" : ""}.`,
  );
}

function missed(title, words) {
  show({ title, content: [head(title), words] });
}

function fits(shape, parts) {
  return shape.length === parts.length && shape.every((part, place) => part === "*" || part === parts[place]);
}

/** Mark the view one is in; a run belongs to the overview, a test to the tests. */
function mark(first) {
  const view = { runs: "", test: "tests" }[first] ?? first;
  const link = document.querySelector(`.top nav a[data-view="${CSS.escape(view)}"]`);
  link?.setAttribute("aria-current", "page");
  // Where the views do not fit side by side, the one that is looked at is seen.
  link?.scrollIntoView({ block: "nearest", inline: "nearest" });
}

scheme();
keys();
resume();
start();
