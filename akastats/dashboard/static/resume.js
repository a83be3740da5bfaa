/** Back where one was: how many rows a list had loaded and how far the page was scrolled, kept with the history entry. */

const PAUSE_MS = 400;
const PATIENCE_MS = 10_000;

const kind = performance.getEntriesByType("navigation")[0]?.type;
const before = ["back_forward", "reload"].includes(kind) ? history.state?.akastats : null;
const rows = { ...before?.rows };
let waiting = 0;

/** Return how many rows a list had when this page was left; 0 for a page that one has not come back to. */
export function rowsBefore(name) {
  return before?.rows[name] ?? 0;
}

/** Keep how many rows a list has. */
export function keepRows(name, count) {
  rows[name] = count;
  save();
}

/** Begin to keep the place, and go back to the one that was left as soon as the page is long enough. */
export function resume() {
  addEventListener("scroll", () => {
    clearTimeout(waiting);
    waiting = setTimeout(save, PAUSE_MS);
  });
  // Where a link leads away nothing waits.
  addEventListener("click", save, { capture: true });
  if (before?.y) returnTo(before.y);
}

function save() {
  history.replaceState({ akastats: { rows, y: scrollY } }, "");
}

function returnTo(y) {
  const go = () => {
    // Again each time the page grows: what loads above the place moves it.
    if (document.documentElement.scrollHeight - innerHeight >= y) scrollTo(0, y);
  };
  const observer = new ResizeObserver(go);
  const stop = () => observer.disconnect();
  observer.observe(document.querySelector("main"));
  for (const event of ["wheel", "touchstart", "pointerdown", "keydown"]) addEventListener(event, stop, { once: true });
  setTimeout(stop, PATIENCE_MS);
}
