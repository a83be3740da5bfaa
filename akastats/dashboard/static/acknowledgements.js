/** Buttons that acknowledge a duration change, or mark it as expected or as noise. */

import { sendJson } from "./api.js";
import { el, setContent } from "./dom.js";
import { ageElement } from "./fields.js";
import { apiUrl } from "./urls.js";

const ACKNOWLEDGEMENTS = [
  ["acknowledged", "Acknowledge", "known; stays in the list"],
  ["expected", "Expected", "intended; no longer reported as new"],
  ["noise", "Noise", "not a real change; no longer reported as new"],
];

/** Return the tag of an acknowledgement; null if there is none. */
export function acknowledgementTag(acknowledgement) {
  if (!acknowledgement) return null;
  const { mark, reason, since } = acknowledgement;
  return el("span", { class: "tag", title: reason }, mark, " ", ageElement(since));
}

/** Return the buttons of a change, with a field for the reason. `run` is the run whose verdicts hold the change. */
export function acknowledgementButtons(change, run) {
  let current = change.mark?.mark ?? null;
  const status = el("span", { class: "note", role: "status" });
  const reason = reasonField(change.mark?.reason ?? "");
  // Moving from the reason field to a button sends two requests, which must arrive in this order.
  let pending = Promise.resolve();
  const queue = (mark) => (pending = pending.then(() => save(mark)));
  // A second press on the active button deletes the acknowledgement.
  const buttons = ACKNOWLEDGEMENTS.map((each) => button(each, (mark) => queue(mark === current ? null : mark)));
  const update = () => {
    buttons.forEach((each, index) => each.setAttribute("aria-pressed", ACKNOWLEDGEMENTS[index][0] === current));
    reason.hidden = current === null;
  };
  const save = async (mark) => {
    try {
      await store(change.id, run, mark, reason.value);
      current = mark;
      setContent(status);
      update();
    } catch (error) {
      setContent(status, error.message);
    }
  };
  reason.addEventListener("change", () => queue(current));
  update();
  return [buttons, reason, status];
}

function store(id, run, mark, reason) {
  const url = apiUrl.mark(id, run);
  return mark === null ? sendJson("DELETE", url) : sendJson("PUT", url, { mark, reason });
}

function button([mark, title, hint], onPress) {
  return el("button", { class: "chip", title: hint, on: { click: () => onPress(mark) } }, title);
}

function reasonField(reason) {
  const field = el("input", { type: "text", maxlength: 500, placeholder: "Reason", "aria-label": "Reason" });
  field.value = reason;
  return field;
}
