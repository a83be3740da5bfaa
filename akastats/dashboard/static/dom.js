/** Create HTML and SVG elements. Text is inserted as text nodes, never as HTML. */

import { escapeUnprintable } from "./unprintable.js";

const SVG = "http://www.w3.org/2000/svg";

/**
 * Return an HTML element.
 *
 * `on` holds event listeners and `vars` CSS variables; all other names are attributes. Null and false values are omitted.
 */
export function el(tag, attributes = {}, ...children) {
  return build(document.createElement(tag), attributes, children);
}

/** Return an SVG element; the arguments are the same as for `el`. */
export function svg(tag, attributes = {}, ...children) {
  return build(document.createElementNS(SVG, tag), attributes, children);
}

/** Replace the content of `element`, and return the element. */
export function setContent(element, ...children) {
  element.replaceChildren(...toNodes(children));
  return element;
}

function build(element, { on = {}, vars = {}, ...attributes }, children) {
  for (const [name, value] of Object.entries(attributes)) setAttribute(element, name, value);
  for (const [name, listener] of Object.entries(on)) element.addEventListener(name, listener);
  for (const [name, value] of Object.entries(vars)) element.style.setProperty(name, value);
  element.append(...toNodes(children));
  return element;
}

function setAttribute(element, name, value) {
  if (value === null || value === undefined || value === false) return;
  element.setAttribute(name, value === true ? "" : escapeUnprintable(value));
}

function toNodes(children) {
  return children
    .flat(Infinity)
    .filter((child) => child !== null && child !== undefined && child !== false)
    .map((child) => (child instanceof Node ? child : document.createTextNode(escapeUnprintable(child))));
}
