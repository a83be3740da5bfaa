/** Line, point and band charts. Loads uPlot for the first chart of a page. */

import { plotData, plotOptions } from "./chart-options.js";
import { el, setContent } from "./dom.js";
import { formatDuration, formatNumber, formatPercent } from "./format.js";

/** Formats for the values of an axis. */
export const FORMATS = { duration: formatDuration, number: formatNumber, percent: formatPercent };

// Most systems wait up to 500 ms for the second click of a double click; 300 ms feels immediate.
const DOUBLE_CLICK_MS = 300;
// Maximum distance in pixels between press and release of a click; a longer movement is a drag.
const CLICK_PX = 3;
const DEFAULTS = {
  format: formatNumber,
  height: 180,
  href: null,
  startAtZero: true,
  max: null,
  include: [],
  sync: null,
  colours: null,
  isEvenlySpaced: false,
};

let library = null;
const redraws = new Set();

function load() {
  library ??= import("./uplot.js").then((module) => module.default);
  return library;
}

/**
 * Return a chart of values over time, oldest first; `x` is in epoch seconds.
 *
 * Each of `series` is `{name, values, colour, kind}`. `kind` is `line`, `steps`, `area`, `points` or `band`; a band
 * lies between `values` and `low`. `colours` has one colour per point.
 * `describe(index)` returns the content of the tooltip, `href(index)` the URL that a click opens.
 * The y axis always includes the values of `include`. Charts with the same `sync` share cursor and zoom.
 */
export function chart(settings) {
  const options = { ...DEFAULTS, ...settings };
  const variables = { "--height": `${options.height}px` };
  const figure = el("figure", { class: "chart", "aria-label": options.label, vars: variables });
  const state = { plot: null };
  load().then(
    (uPlot) => new ResizeObserver(() => draw(uPlot, figure, state, options)).observe(figure),
    () => setContent(figure, missingLibrary()),
  );
  redraws.add(() => library.then((uPlot) => redraw(uPlot, figure, state, options)));
  return figure;
}

function missingLibrary() {
  const command = el("code", {}, "pip install 'pytest-akastats[api]'");
  return el("p", { class: "note" }, "Charts need the package uplot: ", command);
}

/** Draw all charts again after a change of the color scheme. */
export function redrawCharts() {
  for (const each of redraws) each();
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redrawCharts);

function draw(uPlot, figure, state, options) {
  if (!figure.clientWidth) return;
  if (state.plot) state.plot.setSize({ width: figure.clientWidth, height: options.height });
  else redraw(uPlot, figure, state, options);
}

function redraw(uPlot, figure, state, options) {
  state.plot?.destroy();
  figure.replaceChildren();
  if (!figure.clientWidth) return;
  const tooltip = el("figcaption", { class: "tooltip", hidden: true });
  const reset = el("button", { class: "reset", type: "button", hidden: true }, "Reset zoom");
  const hint = el("span", { class: "hint", "aria-hidden": "true" }, "Drag to zoom");
  const hooks = {
    setCursor: [(plot) => showTooltip(plot, tooltip, options)],
    setScale: [(plot, key) => key === "x" && (reset.hidden = !isZoomed(plot))],
    ready: [(plot) => linkPoints(plot, options)],
  };
  const size = { width: figure.clientWidth, paths: uPlot.paths };
  state.plot = new uPlot(plotOptions({ ...options, ...size, hooks }), plotData(options), figure);
  reset.addEventListener("click", () => resetZoom(uPlot, state.plot, options));
  figure.append(tooltip, el("div", { class: "zoom" }, options.x.length > 2 && hint, reset));
}

/** Reset the zoom of a chart and of the charts that share its `sync` key. */
function resetZoom(uPlot, plot, { sync }) {
  for (const each of sync ? uPlot.sync(sync).plots : [plot]) each.setScale("x", fullRange(each));
}

function fullRange({ data: [positions] }) {
  return { min: positions[0], max: positions.at(-1) };
}

function isZoomed(plot) {
  const { min, max } = fullRange(plot);
  return plot.scales.x.min > min || plot.scales.x.max < max;
}

function showTooltip(plot, tooltip, { describe, x }) {
  const index = plot.cursor.idx;
  // Synchronised charts share the cursor; only the chart under the mouse shows its tooltip.
  tooltip.hidden = index === null || index === undefined || plot.cursor.left < 0 || !plot.over.matches(":hover");
  if (tooltip.hidden || !describe) return;
  setContent(tooltip, describe(index));
  const left = plot.valToPos(plot.data[0][index], "x") + plot.over.offsetLeft;
  const isRightHalf = index > x.length / 2;
  tooltip.style.setProperty("--left", `${left}px`);
  tooltip.classList.toggle("before", isRightHalf);
}

function linkPoints(plot, { href, label }) {
  plot.root.setAttribute("role", "img");
  plot.root.setAttribute("aria-label", label);
  if (!href) return;
  plot.over.classList.add("clickable");
  let pressedAt = 0;
  let timer = 0;
  plot.over.addEventListener("mousedown", (event) => (pressedAt = event.clientX));
  plot.over.addEventListener("click", (event) => {
    clearTimeout(timer);
    const isDrag = Math.abs(event.clientX - pressedAt) > CLICK_PX;
    const url = plot.cursor.idx === null || isDrag ? null : href(plot.cursor.idx);
    // A double click resets the zoom and must not open the link.
    if (url && event.detail < 2) timer = setTimeout(() => location.assign(url), DOUBLE_CLICK_MS);
  });
}
