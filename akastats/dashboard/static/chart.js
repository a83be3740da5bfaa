/** Charts, by uPlot, which is fetched when the first one is drawn. */

import { el, fill } from "./dom.js";
import { duration, known, moment, number, percent } from "./format.js";

/** How an axis reads: durations, numbers, shares of one. */
export const READS = { duration, number, percent };

// As long as systems wait for a second click at most, but felt by nobody.
const DOUBLE_CLICK_MS = 300;

let library = null;
const drawn = new Set();

function load() {
  library ??= import("./uplot.js").then((module) => module.default);
  return library;
}

/**
 * Return a chart over runs or points: `x` epoch seconds, oldest first.
 *
 * `series` are `{name, values, colour, kind}` with kind `line`, `steps`, `area`, `points` or `band` (values of the band's top, `low` of
 * its bottom). `colours` gives each point's own. `tell(place)` returns what a hovered point says, `go(place)` where it leads.
 * The values in `least` are on the axis in any case.
 */
export function chart({
  label,
  x,
  series,
  reads = number,
  height = 180,
  tell,
  go = null,
  zero = true,
  top = null,
  least = [],
  sync = null,
  colours = null,
  even = false,
}) {
  const place = el("figure", { class: "chart", "aria-label": label, vars: { "--height": `${height}px` } });
  const state = { plot: null };
  const options = { label, x, series, reads, height, tell, go, zero, top, least, sync, colours, even };
  load().then(
    (uPlot) => new ResizeObserver(() => draw(uPlot, place, state, options)).observe(place),
    () =>
      fill(
        place,
        el(
          "p",
          { class: "note" },
          "The chart library is not installed: ",
          el("code", {}, "pip install 'pytest-akastats[api]'"),
        ),
      ),
  );
  drawn.add(() => library.then((uPlot) => redraw(uPlot, place, state, options)));
  return place;
}

/** Draw all charts again, in the colours now in force. */
export function redrawAll() {
  for (const draw_ of drawn) draw_();
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redrawAll);

function draw(uPlot, place, state, options) {
  if (!place.clientWidth) return;
  if (state.plot) state.plot.setSize({ width: place.clientWidth, height: options.height });
  else redraw(uPlot, place, state, options);
}

function redraw(uPlot, place, state, options) {
  state.plot?.destroy();
  place.replaceChildren();
  if (!place.clientWidth) return;
  const says = el("figcaption", { class: "says", hidden: true });
  const reset = el("button", { class: "reset", type: "button", hidden: true }, "Reset zoom");
  const hint = el("span", { class: "hint", "aria-hidden": "true" }, "Drag to zoom");
  const known_ = { ...options, paths: uPlot.paths, zoomed: (isZoomed) => (reset.hidden = !isZoomed) };
  state.plot = new uPlot(configured(known_, place.clientWidth, says), columns(options), place);
  reset.addEventListener("click", () => unzoom(uPlot, state.plot, options));
  place.append(says, el("div", { class: "zoom" }, options.x.length > 2 && hint, reset));
}

/** Show all of a chart again, and of those that share its runs. */
function unzoom(uPlot, plot, { sync }) {
  for (const one of sync ? uPlot.sync(sync).plots : [plot]) one.setScale("x", ends(one));
}

function ends({ data: [positions] }) {
  return { min: positions[0], max: positions.at(-1) };
}

function isZoomed(plot) {
  const { min, max } = ends(plot);
  return plot.scales.x.min > min || plot.scales.x.max < max;
}

// Runs come in bursts: spaced evenly each is seen, spaced by time a night's hundred are one line.
function columns({ x, series, even }) {
  const positions = even ? x.map((_, at) => at) : x;
  return [positions, ...series.flatMap((one) => (one.kind === "band" ? [one.values, one.low] : [one.values]))];
}

function configured(options, width, says) {
  const { height, reads, x, even, sync, go, label } = options;
  const ink = colour("--muted");
  const grid = { stroke: colour("--line"), width: 1 };
  const font = "11px system-ui, sans-serif";
  const when = (plot, splits) => {
    const moments = splits.map((split) => (even ? x[split] : split));
    const shown = moments.filter(known);
    return moments.map((seconds) => stamp(seconds, shown.at(-1) - shown[0]));
  };
  return {
    width,
    height,
    title: undefined,
    legend: { show: false },
    padding: [8, 24, 0, 0],
    cursor: {
      y: false,
      drag: { x: true, y: false, setScale: true },
      sync: sync ? { key: sync, setSeries: false } : undefined,
      points: { size: 7 },
    },
    scales: {
      x: { time: false, range: (plot, low, high) => (low === high ? [low - 1, high + 1] : [low, high]) },
      y: { range: (plot, low, high) => span(options, low, high) },
    },
    axes: [
      { stroke: ink, font, grid: { show: false }, ticks: { show: false }, size: 26, space: 90, values: when },
      {
        stroke: ink,
        font,
        grid,
        ticks: { show: false },
        size: 64,
        space: 36,
        values: (plot, splits) => splits.map(reads),
      },
    ],
    series: [{}, ...options.series.flatMap((one) => lines(one, options))],
    bands: bands(options.series),
    hooks: {
      setCursor: [(plot) => hover(plot, says, options)],
      setScale: [(plot, key) => key === "x" && options.zoomed(isZoomed(plot))],
      ready: [(plot) => clicks(plot, go, label)],
    },
  };
}

/** Return a moment on an axis over `span` seconds, as precise as that asks for; over more than a day with its date. */
export function stamp(seconds, span) {
  if (!known(seconds)) return "";
  const [precision] = PRECISIONS.find(([, least]) => span > least);
  return moment(seconds, precision);
}

const DAY_S = 86400;
const PRECISIONS = [
  ["month", 300 * DAY_S],
  ["date", 5 * DAY_S],
  ["hour", DAY_S],
  ["time", 3600],
  ["second", -Infinity],
];

function span({ zero, top, least }, lowest, highest) {
  if (!known(lowest) || !known(highest)) return [0, top ?? 1];
  const [low, high] = [Math.min(lowest, ...least), Math.max(highest, ...least)];
  const from = zero ? Math.min(0, low) : low - (high - low || Math.abs(high) || 1) * 0.1;
  return [from, top ?? (high + (high - from) * 0.08 || 1)];
}

function lines(one, options) {
  const stroke = colour(one.colour);
  if (one.kind === "points")
    return [
      {
        label: one.name,
        paths: () => null,
        points: { show: (plot, at) => dots(plot, at, options), size: 6 },
        stroke,
      },
    ];
  if (one.kind === "band")
    return [
      { label: one.name, stroke: "transparent", points: { show: false } },
      { label: one.name, stroke: "transparent", points: { show: false } },
    ];
  const fill_ = one.kind === "area" ? faint(stroke, 0.1) : undefined;
  return [
    {
      label: one.name,
      stroke,
      width: one.width ?? 1.5,
      fill: fill_,
      points: { show: options.x.length < 3, size: 5 },
      spanGaps: one.kind !== "steps",
      // A level holds from its point up to the next one.
      paths: one.kind === "steps" ? options.paths.stepped({ align: 1 }) : undefined,
    },
  ];
}

function bands(series) {
  const found = [];
  let at = 1;
  for (const one of series) {
    if (one.kind === "band") found.push({ series: [at, at + 1], fill: faint(colour(one.colour), 0.13) });
    at += one.kind === "band" ? 2 : 1;
  }
  return found;
}

/** Draw each point in its own colour: uPlot has one a series. */
function dots(plot, at, { colours }) {
  const { ctx } = plot;
  const ratio = devicePixelRatio;
  const [xs, ys] = [plot.data[0], plot.data[at]];
  const known_ = Object.fromEntries([...new Set(colours)].map((name) => [name, colour(name)]));
  ctx.save();
  ctx.beginPath();
  ctx.rect(plot.bbox.left - 4 * ratio, plot.bbox.top, plot.bbox.width + 8 * ratio, plot.bbox.height);
  ctx.clip();
  xs.forEach((value, place) => {
    if (!known(ys[place])) return;
    const isBad = colours[place] !== "--pass";
    ctx.fillStyle = known_[colours[place]];
    ctx.globalAlpha = isBad ? 1 : 0.75;
    ctx.beginPath();
    mark(
      ctx,
      plot.valToPos(value, "x", true),
      plot.valToPos(ys[place], "y", true),
      (isBad ? 3.6 : 2.6) * ratio,
      isBad,
    );
    ctx.fill();
  });
  ctx.restore();
  return false;
}

// What failed is a square, so that it is told without colour too.
function mark(ctx, x, y, size, isBad) {
  if (isBad) ctx.rect(x - size, y - size, size * 2, size * 2);
  else ctx.arc(x, y, size, 0, 2 * Math.PI);
}

function hover(plot, says, { tell, x }) {
  const at = plot.cursor.idx;
  // Charts over the same runs share the line; only the one pointed at speaks.
  says.hidden = at === null || at === undefined || plot.cursor.left < 0 || !plot.over.matches(":hover");
  if (says.hidden || !tell) return;
  fill(says, tell(at));
  const left = plot.valToPos(plot.data[0][at], "x") + plot.over.offsetLeft;
  const isRight = at > x.length / 2;
  says.style.setProperty("--left", `${left}px`);
  says.classList.toggle("before", isRight);
}

function clicks(plot, go, label) {
  plot.root.setAttribute("role", "img");
  plot.root.setAttribute("aria-label", label);
  if (!go) return;
  plot.over.classList.add("leads");
  let pressed = 0;
  let leaving = 0;
  plot.over.addEventListener("mousedown", (event) => (pressed = event.clientX));
  plot.over.addEventListener("click", (event) => {
    clearTimeout(leaving);
    const address = plot.cursor.idx === null || Math.abs(event.clientX - pressed) > 3 ? null : go(plot.cursor.idx);
    // The second click of a double click shows all again, and leads nowhere.
    if (address && event.detail < 2) leaving = setTimeout(() => location.assign(address), DOUBLE_CLICK_MS);
  });
}

/** Return a CSS variable's colour as a canvas takes it. */
export function colour(name) {
  if (!name.startsWith("--")) return name;
  const probe = el("span", { class: "unseen" });
  probe.style.color = `var(${name})`;
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

function faint(stroke, share) {
  return stroke.replace(/^rgb\((.+)\)$/, `rgba($1, ${share})`);
}
