/** Restore a list's rows and the scroll position when the user returns, and scroll to the section of the address. */

const SCROLL_PAUSE_MS = 400;
const RESTORE_TIMEOUT_MS = 10_000;
const navigationType = performance.getEntriesByType("navigation")[0]?.type;
const savedState = ["back_forward", "reload"].includes(navigationType) ? history.state?.akastats : null;
const rowCounts = { ...savedState?.rows };

let timer = 0;

/** Return the number of rows that a list had when the page was left; 0 for a new page. */
export function savedRowCount(name) {
  return savedState?.rows[name] ?? 0;
}

/** Store the number of rows of a list. */
export function saveRowCount(name, count) {
  rowCounts[name] = count;
  saveState();
}

/** Store the scroll position from now on. Restore the previous one, or scroll to the section of a new address. */
export function restoreScroll() {
  addEventListener("scroll", () => {
    clearTimeout(timer);
    timer = setTimeout(saveState, SCROLL_PAUSE_MS);
  });
  // A click on a link leaves the page before the timer fires.
  addEventListener("click", saveState, { capture: true });
  if (savedState?.y) scrollWhileLoading(() => scrollOnceTall(savedState.y));
  // The browser has looked for the section before the section existed.
  else if (!savedState && location.hash) scrollWhileLoading(scrollToSection);
}

function saveState() {
  history.replaceState({ akastats: { rows: rowCounts, y: scrollY } }, "");
}

function scrollOnceTall(y) {
  if (document.documentElement.scrollHeight - innerHeight >= y) scrollTo(0, y);
}

function scrollToSection() {
  document.getElementById(location.hash.slice(1))?.scrollIntoView();
}

/** Scroll again whenever the page grows, because content above the position may load later. */
function scrollWhileLoading(scroll) {
  const observer = new ResizeObserver(scroll);
  const stop = () => observer.disconnect();
  observer.observe(document.querySelector("main"));
  for (const event of ["wheel", "touchstart", "pointerdown", "keydown"])
    addEventListener(event, stop, { once: true });
  setTimeout(stop, RESTORE_TIMEOUT_MS);
}
