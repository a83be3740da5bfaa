/** Options of uPlot for a chart: axes, scales, series, bands and points. */

import { el } from "./dom.js";
import { formatTime, isNumber } from "./format.js";

const DAY_S = 86400;
const PRECISIONS = [
  ["month", 300 * DAY_S],
  ["date", 5 * DAY_S],
  ["hour", DAY_S],
  ["time", 3600],
  ["second", -Infinity],
];

// Runs occur in bursts: on a time axis, the hundred runs of one night would overlap.
export function plotData({ x, series, isEvenlySpaced }) {
  const positions = isEvenlySpaced ? x.map((_, index) => index) : x;
  return [
    positions,
    ...series.flatMap((item) => (item.kind === "band" ? [item.values, item.low] : [item.values])),
  ];
}

/**
 * Return the options for `new uPlot`.
 *
 * `options` are the options of `chart`, plus `width`, uPlot's `paths` and its `hooks`.
 */
export function plotOptions(options) {
  const { width, height, sync, hooks } = options;
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
      y: { range: (plot, low, high) => valueRange(options, low, high) },
    },
    axes: axes(options),
    series: [{}, ...options.series.flatMap((item) => seriesOptions(item, options))],
    bands: bandOptions(options.series),
    hooks,
  };
}

function axes({ x, format, isEvenlySpaced }) {
  const shared = { stroke: resolveColour("--muted"), font: "11px system-ui, sans-serif", ticks: { show: false } };
  const timeLabels = (plot, splits) => {
    const moments = splits.map((split) => (isEvenlySpaced ? x[split] : split));
    const times = moments.filter(isNumber);
    return moments.map((seconds) => formatAxisTime(seconds, times.at(-1) - times[0]));
  };
  const valueLabels = (plot, splits) => splits.map(format);
  return [
    { ...shared, grid: { show: false }, size: 26, space: 90, values: timeLabels },
    { ...shared, grid: { stroke: resolveColour("--line"), width: 1 }, size: 64, space: 36, values: valueLabels },
  ];
}

/** Return a label for the time axis; `span` is the visible range in seconds. */
export function formatAxisTime(seconds, span) {
  if (!isNumber(seconds)) return "";
  const [precision] = PRECISIONS.find(([, minSpan]) => span > minSpan);
  return formatTime(seconds, precision);
}

function valueRange({ startAtZero, max, include }, lowest, highest) {
  if (!isNumber(lowest) || !isNumber(highest)) return [0, max ?? 1];
  const [low, high] = [Math.min(lowest, ...include), Math.max(highest, ...include)];
  const from = startAtZero ? Math.min(0, low) : low - (high - low || Math.abs(high) || 1) * 0.1;
  return [from, max ?? (high + (high - from) * 0.08 || 1)];
}

function seriesOptions(item, options) {
  if (item.kind === "points") return [pointSeries(item, options)];
  // Only the area of a band is drawn, not its two lines.
  const edge = { label: item.name, stroke: "transparent", points: { show: false } };
  return item.kind === "band" ? [edge, edge] : [lineSeries(item, options)];
}

function pointSeries(item, options) {
  return {
    label: item.name,
    paths: () => null,
    points: { show: (plot, index) => drawPoints(plot, index, options), size: 6 },
    stroke: resolveColour(item.colour),
  };
}

function lineSeries(item, { x, paths }) {
  const stroke = resolveColour(item.colour);
  return {
    label: item.name,
    stroke,
    width: item.width ?? 1.5,
    fill: item.kind === "area" ? withOpacity(stroke, 0.1) : undefined,
    points: { show: x.length < 3, size: 5 },
    spanGaps: item.kind !== "steps",
    // A level lasts from its run to the next change.
    paths: item.kind === "steps" ? paths.stepped({ align: 1 }) : undefined,
  };
}

function bandOptions(series) {
  const options = [];
  let index = 1;
  for (const item of series) {
    if (item.kind === "band")
      options.push({ series: [index, index + 1], fill: withOpacity(resolveColour(item.colour), 0.13) });
    index += item.kind === "band" ? 2 : 1;
  }
  return options;
}

/** Draw each point in its own colour, because uPlot has one colour per series. */
function drawPoints(plot, series, { colours }) {
  const { ctx } = plot;
  const ratio = devicePixelRatio;
  const [xs, ys] = [plot.data[0], plot.data[series]];
  const styles = Object.fromEntries([...new Set(colours)].map((name) => [name, resolveColour(name)]));
  ctx.save();
  ctx.beginPath();
  ctx.rect(plot.bbox.left - 4 * ratio, plot.bbox.top, plot.bbox.width + 8 * ratio, plot.bbox.height);
  ctx.clip();
  xs.forEach((value, index) => {
    if (!isNumber(ys[index])) return;
    const isBad = colours[index] !== "--pass";
    ctx.fillStyle = styles[colours[index]];
    ctx.globalAlpha = isBad ? 1 : 0.75;
    ctx.beginPath();
    tracePoint(
      ctx,
      plot.valToPos(value, "x", true),
      plot.valToPos(ys[index], "y", true),
      (isBad ? 3.6 : 2.6) * ratio,
      isBad,
    );
    ctx.fill();
  });
  ctx.restore();
  return false;
}

// Failures are squares, so that they differ in shape as well as colour.
function tracePoint(ctx, x, y, size, isBad) {
  if (isBad) ctx.rect(x - size, y - size, size * 2, size * 2);
  else ctx.arc(x, y, size, 0, 2 * Math.PI);
}

/** Return the computed colour of a CSS variable, because a canvas does not accept variables. */
export function resolveColour(name) {
  if (!name.startsWith("--")) return name;
  const probe = el("span", { class: "visually-hidden" });
  probe.style.color = `var(${name})`;
  document.body.append(probe);
  const color = getComputedStyle(probe).color;
  probe.remove();
  return color;
}

function withOpacity(stroke, share) {
  return stroke.replace(/^rgb\((.+)\)$/, `rgba($1, ${share})`);
}
