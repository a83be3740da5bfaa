/** Runs as they go: one stream of events, told to whoever listens. */

import { address } from "./place.js";

/** Call `changed(run)` for every running run now, and whenever one changes, until the page goes. */
export function follow(changed) {
  const events = new EventSource(address("api/v1/events"));
  events.addEventListener("run", (event) => changed(JSON.parse(event.data)));
  addEventListener("pagehide", () => events.close());
  return events;
}
