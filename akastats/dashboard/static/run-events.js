/** Server-sent events about runs in progress. */

import { appUrl } from "./urls.js";

/** Call `onChange(run)` for each run in progress, now and at every change, until the page is left. */
export function followRuns(onChange) {
  const events = new EventSource(appUrl("api/v1/events"));
  events.addEventListener("run", (event) => onChange(JSON.parse(event.data)));
  addEventListener("pagehide", () => events.close());
  return events;
}
