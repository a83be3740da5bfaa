/** Timeline of a run: one lane per worker, one block per test, and one for the collection; gaps are idle time. */

import { resolveColour } from "./chart-options.js";
import { el, setContent } from "./dom.js";
import { formatDuration, formatPercent, pluralize } from "./format.js";
import { nodeIdText } from "./links.js";
import { OUTCOME_COLOURS } from "./outcomes.js";
import { filledTable } from "./table.js";
import { viewUrl } from "./urls.js";

const LANE = 26;
const GAP = 6;
const MARGIN = 56;
const AXIS = 22;

/** Return the timeline of a profile's tests, with a table of its workers. */
export function timeline(profile, suite) {
  const rows = testRows(profile.tests);
  const lanes = workerLanes(rows, processMoments(profile.processes));
  if (!rows.length) return el("p", { class: "note" }, "No tests ran.");
  const until = Math.max(...rows.map((row) => row.end));
  return el("div", { class: "timeline" }, timelineFigure(rows, lanes, until, suite), workerTable(lanes, until));
}

/** Convert the profile's columns to one object per test; times in seconds. */
function testRows(tests) {
  return tests.nodeid.map((nodeid, index) => {
    const phases = ["setup", "call", "teardown"].map((name) => (tests[name][index] ?? 0) / 1e6);
    const start = tests.start[index] / 1e6;
    return {
      nodeid,
      outcome: tests.outcome[index],
      worker: tests.worker[index] || "main",
      start,
      phases,
      end: start + phases[0] + phases[1] + phases[2],
    };
  });
}

/** Return the moments of each process in seconds, by worker; empty for a run of an earlier release. */
function processMoments({ worker, collection, collected, finished, wait }) {
  const seconds = (microseconds) => (microseconds === null ? null : microseconds / 1e6);
  return new Map(
    worker.map((name, index) => [
      name || "main",
      {
        collection: seconds(collection[index]),
        collected: seconds(collected[index]),
        finished: seconds(finished[index]),
        wait: seconds(wait[index]),
      },
    ]),
  );
}

/** Return the lanes ordered by worker number, each with its tests, busy seconds, end and process. */
function workerLanes(rows, processes) {
  const lanes = new Map();
  for (const row of rows) {
    if (!lanes.has(row.worker)) {
      const process = processes.get(row.worker) ?? null;
      lanes.set(row.worker, { name: row.worker, rows: [], busy: 0, end: 0, process });
    }
    const lane = lanes.get(row.worker);
    lane.rows.push(row);
    lane.busy += row.end - row.start;
    lane.end = Math.max(lane.end, row.end);
  }
  return [...lanes.values()].sort((a, b) => a.name.localeCompare(b.name, "en", { numeric: true }));
}

function timelineFigure(rows, lanes, until, suite) {
  const canvas = el("canvas", {
    role: "img",
    "aria-label": `Timeline of ${pluralize(rows.length, "test")} on ${pluralize(lanes.length, "worker")} over ${formatDuration(until)}`,
  });
  const tooltip = el("figcaption", { class: "tooltip", hidden: true });
  const figure = el(
    "figure",
    { class: "lanes", vars: { "--height": `${lanes.length * (LANE + GAP) + AXIS}px` } },
    canvas,
    tooltip,
  );
  const state = { hovered: null };
  const scale = () => (canvas.clientWidth - MARGIN - 8) / until;
  const redraw = () => draw(canvas, lanes, until, scale());
  redrawOnChange(figure, redraw);
  canvas.addEventListener("pointermove", (event) => {
    state.hovered = rowAt(event, lanes, scale());
    canvas.classList.toggle("clickable", Boolean(state.hovered));
    showTooltip(tooltip, state.hovered, event, canvas);
  });
  canvas.addEventListener("pointerleave", () => (tooltip.hidden = true));
  canvas.addEventListener(
    "click",
    () => state.hovered && location.assign(viewUrl.test(state.hovered.nodeid, suite)),
  );
  return figure;
}

function redrawOnChange(figure, redraw) {
  new ResizeObserver(redraw).observe(figure);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  new MutationObserver(redraw).observe(document.documentElement, {
    attributes: true,
    attributeFilter: ["data-scheme"],
  });
}

function draw(canvas, lanes, until, scale) {
  const ratio = devicePixelRatio;
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  canvas.width = width * ratio;
  canvas.height = height * ratio;
  const context = canvas.getContext("2d");
  context.scale(ratio, ratio);
  const colours = Object.fromEntries(
    [...Object.values(OUTCOME_COLOURS), "--rerun", "--ink", "--muted", "--sunk", "--line"].map((name) => [
      name,
      resolveColour(name),
    ]),
  );
  context.font = "12px system-ui, sans-serif";
  context.textBaseline = "middle";
  drawAxis(context, until, scale, height, colours);
  lanes.forEach((lane, index) => drawLane(context, lane, index * (LANE + GAP), until, scale, colours));
}

function drawLane(context, lane, y, until, scale, colours) {
  context.fillStyle = colours["--muted"];
  context.fillText(lane.name.slice(0, 7), 0, y + LANE / 2);
  context.fillStyle = colours["--sunk"];
  context.fillRect(MARGIN, y, until * scale, LANE);
  const { collection, collected } = lane.process ?? {};
  if (collected) {
    const start = Math.max(0, collection);
    drawBlock(context, start, Math.max(0, collected - start), y, 0.4, colours["--rerun"], scale);
  }
  for (const { start, phases, outcome } of lane.rows) {
    const fill = colours[OUTCOME_COLOURS[outcome] ?? "--skip"];
    const [setup, call, teardown] = phases;
    drawBlock(context, start, setup, y, 0.4, fill, scale);
    drawBlock(context, start + setup, call, y, 1, fill, scale);
    drawBlock(context, start + setup + call, teardown, y, 0.4, fill, scale);
  }
}

// Setup and teardown are lighter and lower than the call.
function drawBlock(context, start, length, y, strength, fill, scale) {
  if (!length) return;
  const inset = strength < 1 ? 5 : 0;
  const width = length * scale;
  context.globalAlpha = strength;
  context.fillStyle = fill;
  context.fillRect(
    MARGIN + start * scale,
    y + inset,
    Math.max(width > 3 ? width - 0.75 : width, 0.5),
    LANE - 2 * inset,
  );
  context.globalAlpha = 1;
}

function drawAxis(context, until, scale, height, colours) {
  const step = axisStep(until / Math.max(2, (until * scale) / 90));
  context.fillStyle = colours["--muted"];
  context.textAlign = "center";
  for (let count = 0; count * step <= until; count += 1) {
    const time = count * step;
    const x = MARGIN + time * scale;
    context.fillText(formatDuration(time).replace(".00 s", " s"), Math.max(MARGIN + 8, x), height - AXIS / 2);
    context.fillRect(x, 0, 0.5, height - AXIS);
  }
  context.textAlign = "start";
}

/** Return a round step for an axis (1, 2 or 5 times a power of ten) that is at least `minimum`. */
function axisStep(minimum) {
  const size = 10 ** Math.floor(Math.log10(minimum));
  return [1, 2, 5, 10].map((factor) => factor * size).find((step) => step >= minimum);
}

function rowAt(event, lanes, scale) {
  const lane = lanes[Math.floor(event.offsetY / (LANE + GAP))];
  const time = (event.offsetX - MARGIN) / scale;
  const slack = 2 / scale;
  return lane?.rows.find((row) => row.start - slack <= time && time <= row.end + slack) ?? null;
}

function showTooltip(tooltip, row, event, canvas) {
  tooltip.hidden = !row;
  if (!row) return;
  const [setup, call, teardown] = row.phases.map(formatDuration);
  setContent(
    tooltip,
    el("b", {}, nodeIdText(row.nodeid)),
    el(
      "span",
      {},
      `${row.outcome}, ${formatDuration(row.end - row.start)}, started at ${formatDuration(row.start)}`,
    ),
    el("span", { class: "muted" }, `setup ${setup}, call ${call}, teardown ${teardown}`),
  );
  tooltip.style.setProperty("--left", `${event.offsetX}px`);
  tooltip.style.setProperty("--top", `${event.offsetY + 24}px`);
  tooltip.classList.toggle("before", event.offsetX > canvas.clientWidth / 2);
}

function workerTable(lanes, until) {
  return filledTable({
    caption: "Workers",
    rows: lanes,
    columns: [
      { title: "Worker", cell: (lane) => workerName(lane, lanes) },
      { title: "Tests", number: true, cell: (lane) => lane.rows.length },
      { title: "Busy", number: true, cell: (lane) => formatDuration(lane.busy) },
      {
        title: "Idle",
        number: true,
        hint: "share of the time between collection and end without a test",
        cell: (lane) => formatPercent(idleShare(lane, until)),
      },
      { title: "Ended", number: true, wide: true, cell: (lane) => formatDuration(lane.end) },
      { title: "Longest test", grow: true, cell: (lane) => longestTestLink(lane) },
      { title: "", number: true, cell: (lane) => formatDuration(testSeconds(longestTest(lane))) },
    ],
  });
}

// Without moments of the process, start-up and collection cannot be distinguished from waiting.
function idleShare({ process, busy }, until) {
  if (!process?.finished || process.collected === null) return Math.max(0, 1 - busy / until);
  return (process.wait ?? 0) / Math.max(process.finished - process.collected, 1e-6);
}

// The worker that ends last determines the duration of the run.
function workerName(lane, lanes) {
  const last = lanes.reduce((a, b) => (b.end > a.end ? b : a));
  const isLast = lane === last && lanes.length > 1;
  const tag = el("span", { class: "tag", title: "the run waited for this worker" }, "ended last");
  return el("span", { class: "nowrap" }, lane.name, isLast && tag);
}

function longestTestLink(lane) {
  const { nodeid } = longestTest(lane);
  return el("a", { href: viewUrl.test(nodeid) }, nodeIdText(nodeid));
}

function longestTest(lane) {
  return lane.rows.reduce((a, b) => (testSeconds(b) > testSeconds(a) ? b : a));
}

function testSeconds(row) {
  return row.end - row.start;
}
