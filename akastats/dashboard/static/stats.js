/** Stats: any label there is, its nine numbers and its history. */

import { contexts, ifThere, read } from "./api.js";
import { READS } from "./chart.js";
import { el } from "./dom.js";
import { duration, moment, number } from "./format.js";
import { choice, listing, search } from "./listing.js";
import { facts, head, later, noRuns, nothing, section, show } from "./parts.js";
import { api, asked, to } from "./place.js";
import { points } from "./points.js";
import { filledTable } from "./table.js";
import { traceback } from "./traceback.js";
import { momentOf, runById } from "./words.js";

const KINDS = [
  ["test", "tests"],
  ["fixture::", "fixtures"],
  ["collect::", "files"],
  ["run::", "runs"],
  ["errors__", "errors"],
];
const TIMED = /^(?:test|fixture|collect)(?:@[\w.-]+)?::|^run(?:@[\w.-]+)?::(?:duration|collect)$/;
const ROOT_FIXTURE = /^fixture(?:@([\w.-]+))?::::(.+)$/s;
const ROWS = 30;

/** Show the list of labels, or one of them. */
export async function view() {
  const label = asked("label");
  if (!label) return show({ title: "Stats", data: api.of("labels"), content: [head("Stats"), every()] });
  const history = await ifThere(read(api.statsHistory(label)));
  return show({
    title: label,
    data: api.statsHistory(label),
    content: [
      head(el("span", { class: "nodeid" }, named(label)), { kicker: el("a", { href: to.stats() }, "Stats") }),
      await figures(label),
      past(label, history ?? []),
    ],
  });
}

function every() {
  const controls = [search("q", "Filter labels"), choice("prefix", "Kind", KINDS, "all kinds")];
  const empty = (isFiltered) => (isFiltered ? nothing("No label matches") : noRuns());
  return listing({
    path: "labels",
    noun: "label",
    controls,
    draw: (page) => labels(page.items),
    empty,
    size: 200,
  });
}

function labels(items) {
  const place = el("div");
  drawn(items).then((rows) => place.append(rows));
  return place;
}

async function drawn(items) {
  const numbers = await numbersOf(items);
  const cell =
    (name) =>
    ({ label }) =>
      reads(label)(numbers[label]?.[name]);
  return filledTable({
    caption: "Labels",
    rows: items.map((label) => ({ label })),
    columns: [
      {
        title: "Label",
        grow: true,
        cell: ({ label }) => el("a", { class: "nodeid", href: to.stats({ label }), title: label }, named(label)),
      },
      { title: "Last", number: true, cell: cell("last") },
      { title: "Average", number: true, cell: cell("avg") },
      { title: "Min", number: true, wide: true, cell: cell("min") },
      { title: "Max", number: true, wide: true, cell: cell("max") },
      { title: "Count", number: true, wide: true, cell: ({ label }) => number(numbers[label]?.count) },
    ],
  });
}

/** Return what a label reads as: a plugin's fixture has no path before its name. */
export function wordsOf(label) {
  const [, suite, name] = ROOT_FIXTURE.exec(label) ?? [];
  return name ? [name, "fixture", suite].filter(Boolean) : [label];
}

function named(label) {
  const [name, ...tags] = wordsOf(label);
  return [name, tags.map((tag) => [" ", el("span", { class: "tag" }, tag)])];
}

function numbersOf(labels) {
  return read(api.of("stats"), {
    method: "POST",
    body: JSON.stringify(labels),
    headers: { "Content-Type": "application/json" },
  });
}

// What we know to be seconds reads as such; a user's own numbers are numbers.
function reads(label) {
  return TIMED.test(label) ? duration : number;
}

async function figures(label) {
  const found = (await numbersOf([label]))[label];
  if (!found) return nothing("No such label", "It may have expired: labels live 14 days after their last report.");
  const read_ = reads(label);
  return facts([
    ["Last", read_(found.last)],
    ["Average", read_(found.avg)],
    ["Min", read_(found.min)],
    ["Max", read_(found.max)],
    ["Stdev", read_(found.stdev)],
    ["Total", read_(found.total)],
    ["Count", number(found.count)],
    ["Last time", moment(found.last_time, "long")],
  ]);
}

function past(label, history) {
  if (!history.length) return nothing("No history of this label is kept");
  const oldest = [...history].reverse();
  const read_ = reads(label);
  const drawn = points({
    label: `History of ${history.length} points`,
    times: oldest.map((one) => one.timestamp),
    values: oldest.map((one) => one.value),
    colours: oldest.map(() => "--pass"),
    reads: READS[read_ === duration ? "duration" : "number"],
    tell: (at) => [el("b", {}, read_(oldest[at].value)), el("span", {}, moment(oldest[at].timestamp, "long"))],
  });
  const columns = [
    { title: "When", cell: (one) => el("time", {}, moment(one.timestamp, "long")) },
    { title: "Value", number: true, cell: (one) => read_(one.value) },
    history.some((one) => one.context_id) && { title: "Context", grow: true, cell: context },
  ].filter(Boolean);
  const line =
    history.length > 1 &&
    section("History", { note: "running median of 15, and the middle half" }, el("div", { class: "card" }, drawn));
  return [
    line,
    section(
      "Points",
      { note: history.length > ROWS ? `the newest ${ROWS}` : null },
      filledTable({ caption: "Points", rows: history.slice(0, ROWS), columns }),
    ),
  ];
}

// Asked for one by one: a traceback may have 16 KiB.
function context({ context_id: id }) {
  if (!id) return null;
  const open = () =>
    button.replaceWith(
      later(contexts([id]), (known) =>
        id in known
          ? told(known[id])
          : el("span", { class: "note" }, "It has expired, or this token may not read it."),
      ),
    );
  const button = el("button", { class: "plain", on: { click: open } }, "Show");
  return button;
}

// Ours names the run it is from; a user's is any text.
function told(text) {
  const { run, outcome } = parsed(text);
  return typeof run === "string" && momentOf(run) ? ["run of ", runById(run), outcome && `, ${outcome}`] : traceback(text);
}

function parsed(text) {
  try {
    return JSON.parse(text) ?? {};
  } catch {
    return {};
  }
}
