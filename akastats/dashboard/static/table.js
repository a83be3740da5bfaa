/** Tables that scroll inside their own frame. */

import { el, setContent } from "./dom.js";

/**
 * Create an empty table and return `{frame, add(rows), update(row)}`.
 *
 * A column is `{title, cell(row), number, wide, widest, sort, grow, hint}`. `wide` columns are hidden on a phone, and `widest`
 * columns on a laptop; `sort` is the API's sort key and `hint` the tooltip of the title.
 * `key(row)` identifies a row for `update`. `sort` is the current order (`-p95`); `onSort` receives the next order.
 * `below(row)` returns the details of a row, created when they are first opened.
 */
export function createTable({ caption, columns, sort = "", onSort = null, below = null, key = null }) {
  const elements = new Map();
  const register = (row, [top, ...rest]) => {
    if (key) elements.set(key(row), top);
    return [top, ...rest];
  };
  const body = el("tbody");
  const head = el(
    "tr",
    {},
    columns.map((column) => headingCell(column, sort, onSort)),
  );
  const element = el(
    "table",
    {},
    el("caption", { class: "visually-hidden" }, caption),
    el("thead", {}, head),
    body,
  );
  return {
    frame: el("div", { class: "frame", tabindex: "0", role: "region", "aria-label": caption }, element),
    add: (rows) => body.append(...rows.flatMap((row) => register(row, rowWithDetails(columns, row, below)))),
    update: (row) =>
      elements.has(key(row)) && elements.get(key(row)).replaceWith(...register(row, [rowElement(columns, row)])),
  };
}

/** Return the frame of a table with `rows`. */
export function filledTable({ rows, ...options }) {
  const table = createTable(options);
  table.add(rows);
  return table.frame;
}

/** Return a table of the first rows, with a button that shows all. */
export function expandableTable({ rows, firstRows = 15, ...options }) {
  const container = el("div", {}, filledTable({ rows: rows.slice(0, firstRows), ...options }));
  if (rows.length <= firstRows) return container;
  const expand = () => setContent(container, filledTable({ rows, ...options }));
  container.append(el("button", { class: "plain", on: { click: expand } }, `All ${rows.length}`));
  return container;
}

function rowElement(columns, row) {
  return el(
    "tr",
    {},
    columns.map((column) =>
      el("td", { class: cellClass(column), "data-title": column.title || null }, column.cell(row) ?? ""),
    ),
  );
}

function rowWithDetails(columns, row, below) {
  const top = rowElement(columns, row);
  if (!below) return [top];
  const cell = el("td", { class: "grow", colspan: columns.length });
  const details = el("tr", { class: "details-row", hidden: true }, cell);
  const toggle = () => {
    if (!cell.firstChild) setContent(cell, below(row));
    details.hidden = !details.hidden;
    button.setAttribute("aria-expanded", String(!details.hidden));
  };
  const button = el(
    "button",
    { class: "expand", "aria-expanded": "false", "aria-label": "Details", on: { click: toggle } },
    el("span", { "aria-hidden": "true" }),
  );
  top.firstChild.prepend(button);
  return [top, details];
}

function cellClass({ number, wide, widest, grow }) {
  return (
    [number && "number", wide && "wide", widest && "widest", grow && "grow"].filter(Boolean).join(" ") || null
  );
}

function headingCell(column, sort, onSort) {
  const { title, hint } = column;
  if (!column.sort || !onSort) return el("th", { scope: "col", class: cellClass(column), title: hint }, title);
  const order = sortDirection(column.sort, sort);
  const button = el(
    "button",
    { class: "sort", title: hint, on: { click: () => onSort(nextSort(column, sort)) } },
    title,
    sortMark(order),
  );
  return el("th", { scope: "col", class: cellClass(column), "aria-sort": order ?? "none" }, button);
}

function sortDirection(name, sort) {
  if (sort === name) return "ascending";
  return sort === `-${name}` ? "descending" : null;
}

// The first click sorts numbers in descending order, and names in ascending order.
function nextSort({ sort: name, number }, sort) {
  const first = number ? `-${name}` : name;
  const second = number ? name : `-${name}`;
  return sort === first ? second : first;
}

function sortMark(order) {
  return el("span", { class: "order", "aria-hidden": "true" }, { ascending: "↑", descending: "↓" }[order] ?? "");
}
