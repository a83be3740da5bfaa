/** List with filters and sort order in the page's URL; loads further pages while the user scrolls. */

import { fetchPath } from "./api.js";
import { el, setContent } from "./dom.js";
import { fieldBar } from "./filters.js";
import { pluralize } from "./format.js";
import { errorMessage } from "./messages.js";
import { savedRowCount, saveRowCount } from "./scroll-position.js";
import { createTable } from "./table.js";
import { queryValue, replaceQuery } from "./urls.js";

// Largest page that the API returns.
const MAX_PAGE = 1000;

/**
 * Return a list that loads its own data.
 *
 * `path` is the API path and `fixed` its constant parameters. `controls` come from filters.js. `noun` names an item.
 * `columns` are the columns of a table; `draw(page, isFirst)` replaces the table. `prefix` separates the URL parameters of
 * two lists on one page.
 * `above(page)` returns content above the list, `below(row)` the details of a row,
 * `empty(isFiltered, page)` the message for an empty list.
 */
export function pagedList(options) {
  return new PagedList(options).element;
}

const DEFAULTS = { sort: "", fixed: {}, size: 100, draw: null, above: null, below: null, prefix: "" };

class PagedList {
  #options;
  #order;
  #cursor = null;
  #rowCount = 0;
  // The table, or true for a list with its own `draw`; null until the first page is shown.
  #table = null;
  #request = null;
  #above = el("div", { class: "above" });
  #rows = el("div", { class: "rows", "aria-live": "off" });
  #count = el("p", { class: "count", role: "status" });
  #more = el("button", { class: "more", hidden: true, on: { click: () => this.#loadNext() } }, "Load more");

  constructor(options) {
    this.#options = { ...DEFAULTS, ...options };
    const { prefix, sort, controls } = this.#options;
    this.#order = queryValue(`${prefix}sort`, sort);
    const bar = fieldBar(controls, () => this.#reload());
    bar.append(this.#count);
    this.element = el("div", { class: "paged-list" }, bar, this.#above, this.#rows, this.#more);
    onVisible(this.#more, () => !this.#more.hidden && !this.#more.disabled && this.#loadNext());
    this.#loadFirst();
  }

  get #name() {
    return `${this.#options.prefix}${this.#options.path}`;
  }

  /** Values of the controls as API parameters. */
  #filters() {
    return Object.fromEntries(this.#options.controls.map((control) => [control.name, control.value()]));
  }

  #saveQuery() {
    const { controls, prefix, sort } = this.#options;
    const values = controls.map((control) => [prefix + control.name, (control.queryValue ?? control.value)()]);
    replaceQuery({ ...Object.fromEntries(values), [`${prefix}sort`]: this.#order === sort ? "" : this.#order });
  }

  #reload() {
    this.#saveQuery();
    this.#cursor = null;
    this.#table = null;
    this.#rowCount = 0;
    return this.#loadNext();
  }

  /** Load as many rows as the list had when the user left the page. */
  async #loadFirst() {
    const rows = savedRowCount(this.#name);
    await this.#loadNext(Math.min(MAX_PAGE, Math.max(this.#options.size, rows)));
    while (this.#rowCount < rows && this.#cursor) {
      await this.#loadNext(Math.min(MAX_PAGE, rows - this.#rowCount));
    }
  }

  async #loadNext(limit = this.#options.size) {
    this.#request?.abort();
    const request = (this.#request = new AbortController());
    const isFirst = this.#table === null;
    this.#more.disabled = true;
    this.#rows.setAttribute("aria-busy", "true");
    const { path, fixed } = this.#options;
    const query = { ...fixed, ...this.#filters(), sort: this.#order, limit, cursor: this.#cursor };
    try {
      this.#show(await fetchPath(path, query, { signal: request.signal }), isFirst);
    } catch (error) {
      if (error.name !== "AbortError") setContent(this.#rows, errorMessage(error));
    } finally {
      if (request === this.#request) this.#rows.removeAttribute("aria-busy");
      this.#more.disabled = false;
    }
  }

  #show(page, isFirst) {
    const { noun, plural, above, empty, draw } = this.#options;
    this.#cursor = page.next;
    this.#rowCount += page.items.length;
    saveRowCount(this.#name, this.#rowCount);
    this.#more.hidden = !page.next;
    this.#count.textContent = page.total === undefined ? "" : pluralize(page.total, noun, plural);
    if (isFirst && above) setContent(this.#above, above(page));
    if (isFirst && !page.items.length && !page.next) {
      setContent(this.#rows, empty(Object.values(this.#filters()).some(Boolean), page));
    } else if (isFirst) this.#showFirst(page);
    else if (draw) this.#rows.append(draw(page, false));
    else this.#table.add(page.items);
  }

  #showFirst(page) {
    const { noun, plural, columns, below, draw } = this.#options;
    if (draw) {
      this.#table = true;
      setContent(this.#rows, draw(page, true));
      return;
    }
    const onSort = (order) => this.#sortBy(order);
    const caption = plural ?? `${noun}s`;
    this.#table = createTable({ caption, columns, sort: this.#order, onSort, below });
    setContent(this.#rows, this.#table.frame);
    this.#table.add(page.items);
  }

  #sortBy(order) {
    this.#order = order;
    return this.#reload();
  }
}

function onVisible(element, act) {
  const observer = new IntersectionObserver((entries) => entries.some((each) => each.isIntersecting) && act(), {
    rootMargin: "600px",
  });
  observer.observe(element);
}
