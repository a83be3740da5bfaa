/** Quarantine: tests whose failures fail no run for a while; putting one in and taking it out. */

import { list, send } from "./api.js";
import { el, fill } from "./dom.js";
import { ZONE, isoDay, lastDay } from "./format.js";
import { ofSuite } from "./judged.js";
import { later, nothing, section } from "./parts.js";
import { api } from "./place.js";
import { filledTable } from "./table.js";
import { age, nodeName, testLink } from "./words.js";

const DAY_S = 86_400;
const USUAL_DAYS = 14;
const MOST_DAYS = 90;

/** Return the list of what is in quarantine of a suite; `changed` is called when one was taken out, null: none can be. */
export function quarantined(suite, changed) {
  return section(
    "Quarantined",
    { id: "quarantined", note: "their failures fail no run of pytest --akastats-quarantine" },
    later(list(ofSuite("quarantine", suite)), ({ items }) => entries(items, changed)),
  );
}

function entries(rows, changed) {
  return rows.length
    ? filledTable({ caption: "Quarantined", columns: columns(changed), rows })
    : nothing("Nothing is in quarantine", "What is there fails no run until its day has passed.");
}

function columns(changed) {
  const told = [
    { title: "Test", grow: true, cell: (entry) => testLink(entry.nodeid, entry.suite) },
    { title: "Until", cell: (entry) => el("time", {}, lastDay(entry.until)) },
    { title: "Reason", cell: (entry) => el("span", { class: "reason" }, entry.reason) },
    { title: "By", wide: true, cell: (entry) => entry.by },
    { title: "Since", number: true, wide: true, cell: (entry) => age(entry.since) },
  ];
  return changed ? [...told, { title: "", cell: (entry) => releasing(entry, changed) }] : told;
}

/** Return the button that takes a test out of quarantine. */
export function releasing({ nodeid, suite }, changed) {
  const told = el("span", { class: "bad", role: "status" });
  const remove = async () => {
    try {
      await send("DELETE", api.quarantine(nodeid, suite));
      changed();
    } catch (error) {
      fill(told, ` ${error.message}`);
    }
  };
  return [
    el("button", { class: "plain", "aria-label": `Release ${nodeid}`, on: { click: remove } }, "Release"),
    told,
  ];
}

/** Return the tag of a test in quarantine. */
export function held({ until, reason }) {
  return el("span", { class: "tag held", title: reason }, `quarantined until ${lastDay(until)}`);
}

/** Return the button that asks until when and why a test goes into quarantine. */
export function quarantining(test, changed) {
  return el("button", { class: "button", on: { click: () => ask(test, changed) } }, "Quarantine…");
}

function ask({ nodeid, suite }, changed) {
  const now = Date.now() / 1000;
  const until = el("input", {
    type: "date",
    name: "until",
    required: true,
    min: isoDay(now),
    max: isoDay(now + MOST_DAYS * DAY_S),
  });
  until.value = isoDay(now + USUAL_DAYS * DAY_S);
  const reason = el("input", {
    type: "text",
    name: "reason",
    required: true,
    maxlength: 500,
    autocomplete: "off",
  });
  const told = el("p", { class: "bad", role: "alert" });
  const submit = el("button", { class: "button primary", type: "submit" }, "Quarantine");
  const put = async (event) => {
    event.preventDefault();
    submit.disabled = true;
    try {
      const body = { until: endOf(until.value), reason: reason.value };
      await send("PUT", api.quarantine(nodeid, suite, submit.dataset.force), body);
      dialog.close();
      changed();
    } catch (error) {
      fill(told, error.message);
      // Refused by a rule: whoever has read why may insist.
      if (error.status === 409) insist(submit);
    } finally {
      submit.disabled = false;
    }
  };
  const form = el(
    "form",
    { class: "asking", on: { submit: put } },
    el("label", {}, "Until the end of", until),
    el("label", {}, "Reason", reason),
    told,
    el(
      "div",
      { class: "bar" },
      submit,
      el("button", { class: "button", type: "button", on: { click: () => dialog.close() } }, "Cancel"),
    ),
  );
  const dialog = el(
    "dialog",
    { "aria-label": "Quarantine", on: { close: () => dialog.remove() } },
    el("h2", {}, "Quarantine"),
    el("p", {}, nodeName(nodeid)),
    el(
      "p",
      { class: "note" },
      "It runs and is recorded as before. Where it fails, a run with --akastats-quarantine does not.",
    ),
    form,
  );
  document.body.append(dialog);
  dialog.showModal();
  reason.focus();
}

function insist(submit) {
  submit.dataset.force = "true";
  fill(submit, "Quarantine all the same");
}

// The service knows the end of a day in its configured zone, the browser that in its own.
function endOf(day) {
  if (ZONE) return day;
  const [year, month, date] = day.split("-").map(Number);
  return new Date(year, month - 1, date + 1).getTime() / 1000;
}
