/** Search and select fields whose values are kept in the page's URL. */

import { el } from "./dom.js";
import { queryValue } from "./urls.js";

const TYPING_PAUSE_MS = 150;

/** Return a bar of fields; `onChange(field)` is called after a change. */
export function fieldBar(fields, onChange) {
  for (const field of fields) field.listen(() => onChange(field));
  const elements = fields.map((field) => field.element);
  return el("div", { class: "bar" }, elements);
}

/** Return a search field; it reports a change 150 ms after the last key. */
export function searchField(name, label, { prefix = "" } = {}) {
  const input = el("input", {
    type: "search",
    name,
    placeholder: label,
    "aria-label": label,
    spellcheck: "false",
    autocomplete: "off",
    maxlength: 500,
  });
  input.value = queryValue(prefix + name);
  let timer = 0;
  const listen = (onChange) =>
    input.addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(onChange, TYPING_PAUSE_MS);
    });
  return { name, element: input, value: () => input.value, listen };
}

/** Return a select field. `options` are words or `[value, word]`; `all` is the word for no filter. */
export function selectField(name, label, options, all, { prefix = "" } = {}) {
  const selected = queryValue(prefix + name);
  const pairs = [["", all], ...options.map((option) => (Array.isArray(option) ? option : [option, option]))];
  if (!pairs.some(([value]) => value === selected)) pairs.push([selected, selected]);
  const menu = el(
    "select",
    { name, "aria-label": label },
    pairs.map(([value, word]) => el("option", { value }, word)),
  );
  // Read the option by position, because its value attribute escapes unprintable characters.
  menu.selectedIndex = pairs.findIndex(([value]) => value === selected);
  return {
    name,
    element: menu,
    value: () => pairs[menu.selectedIndex][0],
    listen: (onChange) => menu.addEventListener("change", onChange),
  };
}
