/** Tables: columns in, rows in, a table that scrolls inside its own frame. */

import { el, fill } from "./dom.js";

/**
 * Return `{frame, add, update, clear}`: an empty table and how it is filled.
 *
 * A column is `{title, cell(row), number, wide, sort, grow}`: `wide` ones go on a phone, `widest` on a laptop, `sort` is the API's word,
 * `hint` explains the title. `key(row)` names a row for `update(row)`, which draws it again. `sort` is the order in force (`-p95`), `onSort` is told the next one. `below(row)` returns what
 * unfolds under a row, drawn when it first does, or null.
 */
export function table({ caption, columns, sort = "", onSort = null, below = null, key = null }) {
  const lines = new Map();
  const put = (row, [top, ...rest]) => {
    if (key) lines.set(key(row), top);
    return [top, ...rest];
  };
  const body = el("tbody");
  const head = el(
    "tr",
    {},
    columns.map((column) => heading(column, sort, onSort)),
  );
  const whole = el("table", {}, el("caption", { class: "unseen" }, caption), el("thead", {}, head), body);
  return {
    frame: el("div", { class: "frame", tabindex: "0", role: "region", "aria-label": caption }, whole),
    add: (rows) => body.append(...rows.flatMap((row) => put(row, folded(columns, row, below)))),
    update: (row) => lines.has(key(row)) && lines.get(key(row)).replaceWith(...put(row, [line(columns, row)])),
    clear: () => body.replaceChildren(),
  };
}

/** Return a table that is filled once. */
export function filledTable({ rows, ...options }) {
  const made = table(options);
  made.add(rows);
  return made.frame;
}

/** Return a table that shows its first rows, and all of them when asked. */
export function foldedTable({ rows, few = 15, ...options }) {
  const place = el("div", {}, filledTable({ rows: rows.slice(0, few), ...options }));
  if (rows.length <= few) return place;
  const all = () => fill(place, filledTable({ rows, ...options }));
  place.append(el("button", { class: "plain", on: { click: all } }, `All ${rows.length}`));
  return place;
}

function line(columns, row) {
  return el(
    "tr",
    {},
    columns.map((column) =>
      el("td", { class: kind(column), "data-title": column.title || null }, column.cell(row) ?? ""),
    ),
  );
}

function folded(columns, row, below) {
  const top = line(columns, row);
  if (!below) return [top];
  const cell = el("td", { class: "grow", colspan: columns.length });
  const rest = el("tr", { class: "below", hidden: true }, cell);
  const open = () => {
    if (!cell.firstChild) fill(cell, below(row));
    rest.hidden = !rest.hidden;
    button.setAttribute("aria-expanded", String(!rest.hidden));
  };
  const button = el(
    "button",
    { class: "fold", "aria-expanded": "false", "aria-label": "Details", on: { click: open } },
    el("span", { "aria-hidden": "true" }),
  );
  top.firstChild.prepend(button);
  return [top, rest];
}

function kind({ number, wide, widest, grow }) {
  return (
    [number && "number", wide && "wide", widest && "widest", grow && "grow"].filter(Boolean).join(" ") || null
  );
}

function heading(column, sort, onSort) {
  const { title, hint } = column;
  if (!column.sort || !onSort) return el("th", { scope: "col", class: kind(column), title: hint }, title);
  const order = direction(column.sort, sort);
  const button = el(
    "button",
    { class: "sort", title: hint, on: { click: () => onSort(following(column, sort)) } },
    title,
    mark(order),
  );
  return el("th", { scope: "col", class: kind(column), "aria-sort": order ?? "none" }, button);
}

function direction(name, sort) {
  if (sort === name) return "ascending";
  return sort === `-${name}` ? "descending" : null;
}

// Numbers interest from the top, names from the start.
function following({ sort: name, number }, sort) {
  const first = number ? `-${name}` : name;
  const second = number ? name : `-${name}`;
  return sort === first ? second : first;
}

function mark(order) {
  return el("span", { class: "order", "aria-hidden": "true" }, { ascending: "↑", descending: "↓" }[order] ?? "");
}
