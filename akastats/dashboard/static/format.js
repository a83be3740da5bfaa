/** Numbers and times as people read them. Pure, but for the clock of `ago`. */

/** The time zone that the service is configured with; undefined: the browser's own. */
export const ZONE = document.documentElement.dataset.timezone || undefined;

/** What is shown for a value that is not known. */
export const UNKNOWN = "–";

/** Return seconds with a unit: `2 min 03 s`, `1.23 s`, `4.5 ms`, `12 µs`. */
export function duration(seconds) {
  if (!known(seconds)) return UNKNOWN;
  const size = Math.abs(seconds);
  if (size >= 3600) return `${Math.floor(seconds / 3600)} h ${pad((seconds % 3600) / 60)} min`;
  if (size >= 60) return `${Math.floor(seconds / 60)} min ${pad(seconds % 60)} s`;
  // From where three digits of milliseconds would round to a thousand.
  if (size >= 0.9995) return `${seconds.toFixed(2)} s`;
  if (size >= 0.001) return `${precise(seconds * 1e3)} ms`;
  return size === 0 ? "0 s" : `${precise(seconds * 1e6)} µs`;
}

/** Return any number, at most four significant digits below ten thousand. */
export function number(value) {
  if (!known(value)) return UNKNOWN;
  if (Number.isInteger(value) || Math.abs(value) >= 1e4) return Math.round(value).toLocaleString("en");
  return String(Number(value.toPrecision(4)));
}

/** Return a share of one in percent; what is neither nothing nor all never reads as such. */
export function percent(share) {
  if (!known(share)) return UNKNOWN;
  if (share > 0 && share < 0.001) return "<0.1 %";
  if (share < 1 && share > 0.999) return ">99.9 %";
  return `${Number((share * 100).toFixed(1))} %`;
}

/** Return how a number changed against a base: `+12 %`. */
export function change(now, base) {
  if (!known(now) || !known(base) || base === 0) return "";
  const share = now / base - 1;
  if (share >= 9) return `×${Math.round(now / base)}`;
  return `${share < 0 ? "−" : "+"}${Math.abs(share * 100).toFixed(0)} %`;
}

/** Return a moment in the browser's time zone, or the configured one: `25 Nov 2026, 09:05`. */
export function moment(seconds, precision = "short") {
  if (!known(seconds)) return UNKNOWN;
  return clock(precision).format(new Date(seconds * 1000));
}

/** Return the last day of what ends at `until`; what does not end with a day in this zone has its time too. */
export function lastDay(until) {
  return moment(until, "second") === "00:00:00" ? moment(until - 1, "day") : moment(until);
}

/** Return a moment's day as inputs take it: `2026-11-25`. */
export function isoDay(seconds) {
  const shape = { timeZone: ZONE, year: "numeric", month: "2-digit", day: "2-digit" };
  return new Intl.DateTimeFormat("en-CA", shape).format(new Date(seconds * 1000));
}

/** Return how long ago a moment was: `5 min ago`. */
export function ago(seconds, now = Date.now() / 1000) {
  if (!known(seconds)) return UNKNOWN;
  const past = now - seconds;
  if (past < 5) return "now";
  if (past < 60) return `${Math.floor(past)} s ago`;
  if (past < 3600) return `${Math.floor(past / 60)} min ago`;
  if (past < 86400) return `${Math.floor(past / 3600)} h ago`;
  if (past < 60 * 86400) return `${Math.floor(past / 86400)} d ago`;
  return moment(seconds, "day");
}

/** Return `1 test`, `12 tests`. */
export function counted(count, noun, plural = `${noun}s`) {
  return `${number(count)} ${count === 1 ? noun : plural}`;
}

/** Whether a value is a number at all. */
export function known(value) {
  return typeof value === "number" && Number.isFinite(value);
}

const SHAPES = {
  month: { month: "short", year: "numeric" },
  date: { day: "numeric", month: "short" },
  hour: { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" },
  time: { hour: "2-digit", minute: "2-digit" },
  second: { hour: "2-digit", minute: "2-digit", second: "2-digit" },
  day: { day: "numeric", month: "short", year: "numeric" },
  short: { day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit" },
  long: { dateStyle: "medium", timeStyle: "long" },
};
const clocks = {};

function clock(precision) {
  clocks[precision] ??= made(precision);
  return clocks[precision];
}

function made(precision) {
  const shape = { hourCycle: "h23", ...SHAPES[precision] };
  try {
    return new Intl.DateTimeFormat("en-GB", { ...shape, timeZone: ZONE });
  } catch {
    // A zone this browser does not know: its own is better than none.
    return new Intl.DateTimeFormat("en-GB", shape);
  }
}

function pad(value) {
  return String(Math.floor(value)).padStart(2, "0");
}

function precise(value) {
  return String(Number(value.toPrecision(3)));
}
