/** A list of the API as a page's main part: filters and order in the address bar, pages as one scrolls. */

import { list } from "./api.js";
import { el, fill } from "./dom.js";
import { counted } from "./format.js";
import { asked, remember } from "./place.js";
import { failure } from "./parts.js";
import { keepRows, rowsBefore } from "./resume.js";
import { table } from "./table.js";

const PAUSE_MS = 150;
// The API's largest page.
const MOST = 1000;

/**
 * Return the element of a list that loads itself.
 *
 * `path` is the API's, `controls` are made by `search` and `choice` below, `noun` is what is listed, `fixed` are
 * parameters that do not change, `columns` as for a table, or `draw(page, isFirst)` for
 * what is no plain table. `prefix` keeps its words in the address apart from another list's. `above(page)` is what the
 * first page says before its rows, `below(row)` what unfolds under one.
 */
export function listing({
  path,
  noun,
  plural,
  controls,
  columns,
  sort = "",
  fixed = {},
  empty,
  size = 100,
  draw = null,
  above = null,
  below = null,
  prefix = "",
}) {
  const name = `${prefix}${path}`;
  const top = el("div", { class: "above" });
  const place = el("div", { class: "rows", "aria-live": "off" });
  const count = el("p", { class: "count", role: "status" });
  const more = el("button", { class: "more", hidden: true, on: { click: () => next() } }, "Load more");
  const state = { order: asked(`${prefix}sort`, sort), cursor: null, filled: null, question: null, rows: 0 };

  const values = () => Object.fromEntries(controls.map((control) => [control.name, control.value()]));
  const kept = () =>
    Object.fromEntries(controls.map((control) => [prefix + control.name, (control.kept ?? control.value)()]));

  function restart() {
    remember({ ...kept(), [`${prefix}sort`]: state.order === sort ? "" : state.order });
    state.cursor = null;
    state.filled = null;
    state.rows = 0;
    return next();
  }

  /** Load as many rows as the list had before one left it. */
  async function begun() {
    const rows = rowsBefore(name);
    await next(Math.min(MOST, Math.max(size, rows)));
    while (state.rows < rows && state.cursor) await next(Math.min(MOST, rows - state.rows));
  }

  async function next(limit = size) {
    state.question?.abort();
    const question = (state.question = new AbortController());
    const first = state.filled === null;
    more.disabled = true;
    place.setAttribute("aria-busy", "true");
    try {
      const query = { ...fixed, ...values(), sort: state.order, limit, cursor: state.cursor };
      show(await list(path, query, { signal: question.signal }), first);
    } catch (error) {
      if (error.name !== "AbortError") fill(place, failure(error));
    } finally {
      if (question === state.question) place.removeAttribute("aria-busy");
      more.disabled = false;
    }
  }

  function show(page, first) {
    state.cursor = page.next;
    state.rows += page.items.length;
    keepRows(name, state.rows);
    more.hidden = !page.next;
    count.textContent = page.total === undefined ? "" : counted(page.total, noun, plural);
    if (first && above) fill(top, above(page));
    if (first && !page.items.length && !page.next)
      return fill(place, empty(Object.values(values()).some(Boolean), page));
    if (first) begin(page);
    else if (draw) place.append(draw(page, false));
    else state.filled.add(page.items);
    return place;
  }

  function begin(page) {
    state.filled = draw
      ? true
      : table({ caption: plural ?? `${noun}s`, columns, sort: state.order, onSort: order, below });
    fill(place, draw ? draw(page, true) : state.filled.frame);
    if (!draw) state.filled.add(page.items);
  }

  function order(wanted) {
    state.order = wanted;
    return restart();
  }

  for (const control of controls) control.listen(restart);
  whenSeen(more, () => !more.hidden && !more.disabled && next());
  begun();
  return el(
    "div",
    { class: "listing" },
    el(
      "div",
      { class: "bar" },
      controls.map((control) => control.element),
      count,
    ),
    top,
    place,
    more,
  );
}

/** Return a control that filters as one types. */
export function search(name, label, { prefix = "" } = {}) {
  const input = el("input", {
    type: "search",
    name,
    placeholder: label,
    "aria-label": label,
    spellcheck: "false",
    autocomplete: "off",
    maxlength: 500,
  });
  input.value = asked(prefix + name);
  let waiting = 0;
  const listen = (changed) =>
    input.addEventListener("input", () => {
      clearTimeout(waiting);
      waiting = setTimeout(changed, PAUSE_MS);
    });
  return { name, element: input, value: () => input.value, listen };
}

/** Return a control that chooses one of `options`, each a word or `[value, word]`; `all` stands for no choice. */
export function choice(name, label, options, all, { prefix = "" } = {}) {
  const given = asked(prefix + name);
  const pairs = [["", all], ...options.map((option) => (Array.isArray(option) ? option : [option, option]))];
  if (!pairs.some(([value]) => value === given)) pairs.push([given, given]);
  const menu = el(
    "select",
    { name, "aria-label": label },
    pairs.map(([value, word]) => el("option", { value }, word)),
  );
  // By position: a value that is not seen as itself is escaped in the attribute.
  menu.selectedIndex = pairs.findIndex(([value]) => value === given);
  return {
    name,
    element: menu,
    value: () => pairs[menu.selectedIndex][0],
    listen: (changed) => menu.addEventListener("change", changed),
  };
}

function whenSeen(element, act) {
  new IntersectionObserver((seen) => seen.some((entry) => entry.isIntersecting) && act(), {
    rootMargin: "600px",
  }).observe(element);
}
