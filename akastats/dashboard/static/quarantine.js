/** Quarantine of tests: table, tag, dialog and release button. */

import { fetchPath, sendJson } from "./api.js";
import { el, setContent } from "./dom.js";
import { ageElement } from "./fields.js";
import { formatLastDay, toIsoDate, ZONE } from "./format.js";
import { section } from "./layout.js";
import { nodeIdText, testLink } from "./links.js";
import { emptyMessage, whenLoaded } from "./messages.js";
import { filledTable } from "./table.js";
import { apiUrl } from "./urls.js";
import { pathForSuite } from "./verdict-filters.js";

const DAY_S = 86_400;
const DEFAULT_DAYS = 14;
const MAX_DAYS = 90;
const EXPLANATION = "A quarantined test still runs, but its failures do not fail runs with --akastats-quarantine.";

/** Return the section of a suite's quarantined tests. `onChange` is called after a release; null hides the buttons. */
export function quarantineSection(suite, onChange) {
  return section(
    "Quarantined",
    { id: "quarantined", note: EXPLANATION },
    whenLoaded(fetchPath(pathForSuite("quarantine", suite)), ({ items }) => quarantineTable(items, onChange)),
  );
}

function quarantineTable(rows, onChange) {
  return rows.length
    ? filledTable({ caption: "Quarantined", columns: columns(onChange), rows })
    : emptyMessage("No quarantined tests");
}

function columns(onChange) {
  const shared = [
    { title: "Test", grow: true, cell: (entry) => testLink(entry.nodeid, entry.suite) },
    { title: "Until", cell: (entry) => el("time", {}, formatLastDay(entry.until)) },
    { title: "Reason", cell: (entry) => el("span", { class: "reason" }, entry.reason) },
    { title: "By", wide: true, cell: (entry) => entry.by },
    { title: "Since", number: true, wide: true, cell: (entry) => ageElement(entry.since) },
  ];
  return onChange ? [...shared, { title: "", cell: (entry) => releaseButton(entry, onChange) }] : shared;
}

/** Return a button that releases a test from quarantine. */
export function releaseButton({ nodeid, suite }, onChange) {
  const status = el("span", { class: "bad", role: "status" });
  const remove = async () => {
    try {
      await sendJson("DELETE", apiUrl.quarantine(nodeid, suite));
      onChange();
    } catch (error) {
      setContent(status, ` ${error.message}`);
    }
  };
  return [
    el("button", { class: "plain", "aria-label": `Release ${nodeid}`, on: { click: remove } }, "Release"),
    status,
  ];
}

/** Return the tag of a quarantined test. */
export function quarantineTag({ until, reason }) {
  return el("span", { class: "tag quarantined", title: reason }, `quarantined until ${formatLastDay(until)}`);
}

/** Return a button that opens the quarantine dialog. */
export function quarantineButton(test, onChange) {
  return el(
    "button",
    { class: "button", on: { click: () => openQuarantineDialog(test, onChange) } },
    "Quarantine…",
  );
}

function openQuarantineDialog({ nodeid, suite }, onChange) {
  const [until, reason, submit] = [dateField(), reasonField(), submitButton()];
  const status = el("p", { class: "bad", role: "alert" });
  const save = async (event) => {
    event.preventDefault();
    submit.disabled = true;
    try {
      const body = { until: endOfDay(until.value), reason: reason.value };
      await sendJson("PUT", apiUrl.quarantine(nodeid, suite, submit.dataset.force), body);
      dialog.close();
      onChange();
    } catch (error) {
      setContent(status, error.message);
      // A rule forbids the change (409). The user has read the reason and may force the change.
      if (error.status === 409) offerForce(submit);
    } finally {
      submit.disabled = false;
    }
  };
  const cancel = el("button", { class: "button", type: "button", on: { click: () => dialog.close() } }, "Cancel");
  const dialog = quarantineDialog(nodeid, [
    el("label", {}, "Until the end of", until),
    el("label", {}, "Reason", reason),
    status,
    el("div", { class: "bar" }, submit, cancel),
  ]);
  dialog.querySelector("form").addEventListener("submit", save);
  document.body.append(dialog);
  dialog.showModal();
  reason.focus();
}

function quarantineDialog(nodeid, fields) {
  const dialog = el(
    "dialog",
    { "aria-label": "Quarantine", on: { close: () => dialog.remove() } },
    el("h2", {}, "Quarantine"),
    el("p", {}, nodeIdText(nodeid)),
    el("p", { class: "note" }, EXPLANATION),
    el("form", { class: "quarantine-form" }, fields),
  );
  return dialog;
}

function dateField() {
  const now = Date.now() / 1000;
  const range = { min: toIsoDate(now), max: toIsoDate(now + MAX_DAYS * DAY_S) };
  const field = el("input", { type: "date", name: "until", required: true, ...range });
  field.value = toIsoDate(now + DEFAULT_DAYS * DAY_S);
  return field;
}

function reasonField() {
  return el("input", { type: "text", name: "reason", required: true, maxlength: 500, autocomplete: "off" });
}

function submitButton() {
  return el("button", { class: "button primary", type: "submit" }, "Quarantine");
}

function offerForce(submit) {
  submit.dataset.force = "true";
  setContent(submit, "Quarantine anyway");
}

// If a zone is configured, the server computes the end of the day; else the browser does, in its own zone.
function endOfDay(day) {
  if (ZONE) return day;
  const [year, month, date] = day.split("-").map(Number);
  return new Date(year, month - 1, date + 1).getTime() / 1000;
}
