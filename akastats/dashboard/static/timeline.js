/** Which worker did what when: one lane a worker, one block a test; what is empty is idle time. */

import { colour } from "./chart.js";
import { el, fill } from "./dom.js";
import { counted, duration, percent } from "./format.js";
import { INKS } from "./marks.js";
import { to } from "./place.js";
import { filledTable } from "./table.js";
import { nodeName } from "./words.js";

const LANE = 26;
const GAP = 6;
const MARGIN = 56;
const AXIS = 22;

/** Return the timeline of a profile's tests, with a table of its workers. */
export function timeline(profile, suite) {
  const rows = blocks(profile.tests);
  const lanes = workers(rows);
  if (!rows.length) return el("p", { class: "note" }, "No test ran.");
  const until = Math.max(...rows.map((row) => row.end));
  return el("div", { class: "timeline" }, picture(rows, lanes, until, suite), table(lanes, until));
}

/** Return rows of a column-wise table of tests, in seconds. */
export function blocks(tests) {
  return tests.nodeid.map((nodeid, at) => {
    const phases = ["setup", "call", "teardown"].map((name) => (tests[name][at] ?? 0) / 1e6);
    const start = tests.start[at] / 1e6;
    return {
      nodeid,
      outcome: tests.outcome[at],
      worker: tests.worker[at] || "main",
      start,
      phases,
      end: start + phases[0] + phases[1] + phases[2],
    };
  });
}

/** Return the lanes, by worker's number: each with its blocks, busy seconds and end. */
export function workers(rows) {
  const lanes = new Map();
  for (const row of rows) {
    if (!lanes.has(row.worker)) lanes.set(row.worker, { name: row.worker, rows: [], busy: 0, end: 0 });
    const lane = lanes.get(row.worker);
    lane.rows.push(row);
    lane.busy += row.end - row.start;
    lane.end = Math.max(lane.end, row.end);
  }
  return [...lanes.values()].sort((one, other) => one.name.localeCompare(other.name, "en", { numeric: true }));
}

function picture(rows, lanes, until, suite) {
  const canvas = el("canvas", {
    role: "img",
    "aria-label": `Timeline of ${counted(rows.length, "test")} on ${counted(lanes.length, "worker")} over ${duration(until)}`,
  });
  const says = el("figcaption", { class: "says", hidden: true });
  const place = el(
    "figure",
    { class: "lanes", vars: { "--height": `${lanes.length * (LANE + GAP) + AXIS}px` } },
    canvas,
    says,
  );
  const state = { hovered: null };
  const scale = () => (canvas.clientWidth - MARGIN - 8) / until;
  const redraw = () => draw(canvas, lanes, until, scale());
  new ResizeObserver(redraw).observe(place);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  new MutationObserver(redraw).observe(document.documentElement, {
    attributes: true,
    attributeFilter: ["data-scheme"],
  });
  canvas.addEventListener("pointermove", (event) => {
    state.hovered = found(event, lanes, scale());
    canvas.classList.toggle("leads", Boolean(state.hovered));
    say(says, state.hovered, event, canvas);
  });
  canvas.addEventListener("pointerleave", () => (says.hidden = true));
  canvas.addEventListener("click", () => state.hovered && location.assign(to.test(state.hovered.nodeid, suite)));
  return place;
}

function draw(canvas, lanes, until, scale) {
  const ratio = devicePixelRatio;
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  canvas.width = width * ratio;
  canvas.height = height * ratio;
  const pen = canvas.getContext("2d");
  pen.scale(ratio, ratio);
  const inks = Object.fromEntries(
    [...Object.values(INKS), "--ink", "--muted", "--sunk", "--line"].map((name) => [name, colour(name)]),
  );
  pen.font = "12px system-ui, sans-serif";
  pen.textBaseline = "middle";
  axis(pen, until, scale, height, inks);
  lanes.forEach((lane, at) => drawLane(pen, lane, at * (LANE + GAP), until, scale, inks));
}

function drawLane(pen, lane, y, until, scale, inks) {
  pen.fillStyle = inks["--muted"];
  pen.fillText(lane.name.slice(0, 7), 0, y + LANE / 2);
  pen.fillStyle = inks["--sunk"];
  pen.fillRect(MARGIN, y, until * scale, LANE);
  for (const { start, phases, outcome } of lane.rows) {
    const ink = inks[INKS[outcome] ?? "--skip"];
    const [setup, call, teardown] = phases;
    block(pen, start, setup, y, 0.4, ink, scale);
    block(pen, start + setup, call, y, 1, ink, scale);
    block(pen, start + setup + call, teardown, y, 0.4, ink, scale);
  }
}

// Setup and teardown stand lighter and lower than the call between them.
function block(pen, start, length, y, strength, ink, scale) {
  if (!length) return;
  const inset = strength < 1 ? 5 : 0;
  const width = length * scale;
  pen.globalAlpha = strength;
  pen.fillStyle = ink;
  pen.fillRect(
    MARGIN + start * scale,
    y + inset,
    Math.max(width > 3 ? width - 0.75 : width, 0.5),
    LANE - 2 * inset,
  );
  pen.globalAlpha = 1;
}

function axis(pen, until, scale, height, inks) {
  const step = stepOf(until / Math.max(2, (until * scale) / 90));
  pen.fillStyle = inks["--muted"];
  pen.textAlign = "center";
  for (let count = 0; count * step <= until; count += 1) {
    const at = count * step;
    const x = MARGIN + at * scale;
    pen.fillText(duration(at).replace(".00 s", " s"), Math.max(MARGIN + 8, x), height - AXIS / 2);
    pen.fillRect(x, 0, 0.5, height - AXIS);
  }
  pen.textAlign = "start";
}

/** Return a round step of an axis, near `wanted`. */
export function stepOf(wanted) {
  const size = 10 ** Math.floor(Math.log10(wanted));
  return [1, 2, 5, 10].map((factor) => factor * size).find((step) => step >= wanted);
}

function found(event, lanes, scale) {
  const lane = lanes[Math.floor(event.offsetY / (LANE + GAP))];
  const at = (event.offsetX - MARGIN) / scale;
  const slack = 2 / scale;
  return lane?.rows.find((row) => row.start - slack <= at && at <= row.end + slack) ?? null;
}

function say(says, row, event, canvas) {
  says.hidden = !row;
  if (!row) return;
  const [setup, call, teardown] = row.phases.map(duration);
  fill(
    says,
    el("b", {}, nodeName(row.nodeid)),
    el("span", {}, `${row.outcome}, ${duration(row.end - row.start)} from ${duration(row.start)} on`),
    el("span", { class: "quiet" }, `setup ${setup}, call ${call}, teardown ${teardown}`),
  );
  says.style.setProperty("--left", `${event.offsetX}px`);
  says.style.setProperty("--top", `${event.offsetY + 24}px`);
  says.classList.toggle("before", event.offsetX > canvas.clientWidth / 2);
}

// The last worker to end is the run's length: what stands on it is the critical path.
function table(lanes, until) {
  const last = lanes.reduce((one, other) => (other.end > one.end ? other : one));
  const longest = (lane) =>
    lane.rows.reduce((one, other) => (other.end - other.start > one.end - one.start ? other : one));
  return filledTable({
    caption: "Workers",
    rows: lanes,
    columns: [
      {
        title: "Worker",
        cell: (lane) =>
          el(
            "span",
            { class: "whole" },
            lane.name,
            lane === last &&
              lanes.length > 1 &&
              el("span", { class: "tag", title: "the run waited for it" }, "last to end"),
          ),
      },
      { title: "Tests", number: true, cell: (lane) => lane.rows.length },
      { title: "Busy", number: true, cell: (lane) => duration(lane.busy) },
      {
        title: "Idle",
        number: true,
        hint: "of the time until the last test ended",
        cell: (lane) => percent(Math.max(0, 1 - lane.busy / until)),
      },
      { title: "Ended", number: true, wide: true, cell: (lane) => duration(lane.end) },
      {
        title: "Longest test",
        grow: true,
        cell: (lane) => el("a", { href: to.test(longest(lane).nodeid) }, nodeName(longest(lane).nodeid)),
      },
      { title: "", number: true, cell: (lane) => duration(longest(lane).end - longest(lane).start) },
    ],
  });
}
