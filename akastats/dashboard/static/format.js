/** Format numbers, durations and times. Only `formatAge` reads the clock. */

/** Configured time zone of the service; undefined to use the time zone of the browser. */
export const ZONE = document.documentElement.dataset.timezone || undefined;

/** Text for a missing value. */
export const UNKNOWN = "–";

/** Format seconds with a unit: `2 min 03 s`, `1.23 s`, `4.5 ms`, `12 µs`. */
export function formatDuration(seconds) {
  if (!isNumber(seconds)) return UNKNOWN;
  const size = Math.abs(seconds);
  if (size >= 3600) return `${Math.floor(seconds / 3600)} h ${padTwo((seconds % 3600) / 60)} min`;
  if (size >= 60) return `${Math.floor(seconds / 60)} min ${padTwo(seconds % 60)} s`;
  // 0.9995 s and more would be rounded to 1000 ms.
  if (size >= 0.9995) return `${seconds.toFixed(2)} s`;
  if (size >= 0.001) return `${threeDigits(seconds * 1e3)} ms`;
  return size === 0 ? "0 s" : `${threeDigits(seconds * 1e6)} µs`;
}

/** Format a number; at most four significant digits below 10,000. */
export function formatNumber(value) {
  if (!isNumber(value)) return UNKNOWN;
  if (Number.isInteger(value) || Math.abs(value) >= 1e4) return Math.round(value).toLocaleString("en");
  return String(Number(value.toPrecision(4)));
}

/** Format a share (0 to 1) as a percentage. Only exactly 0 and 1 become 0 % and 100 %. */
export function formatPercent(share) {
  if (!isNumber(share)) return UNKNOWN;
  if (share > 0 && share < 0.001) return "<0.1 %";
  if (share < 1 && share > 0.999) return ">99.9 %";
  return `${Number((share * 100).toFixed(1))} %`;
}

/** Format the relative change of a number against a base: `+12 %`; empty if there is no base. */
export function formatChange(now, base) {
  if (!isNumber(now) || !isNumber(base) || base === 0) return "";
  const share = now / base - 1;
  if (share >= 9) return `×${Math.round(now / base)}`;
  return `${share < 0 ? "−" : "+"}${Math.abs(share * 100).toFixed(0)} %`;
}

/** Format a time in the configured zone, else in the zone of the browser: `25 Nov 2026, 09:05`. */
export function formatTime(seconds, precision = "short") {
  if (!isNumber(seconds)) return UNKNOWN;
  return formatterFor(precision).format(new Date(seconds * 1000));
}

/** Format the last day before `until`; adds the time if `until` is not midnight in this zone. */
export function formatLastDay(until) {
  return formatTime(until, "second") === "00:00:00" ? formatTime(until - 1, "day") : formatTime(until);
}

/** Format a time as the value of a date field: `2026-11-25`. */
export function toIsoDate(seconds) {
  const options = { timeZone: ZONE, year: "numeric", month: "2-digit", day: "2-digit" };
  return new Intl.DateTimeFormat("en-CA", options).format(new Date(seconds * 1000));
}

/** Format a time relative to now: `5 min ago`. */
export function formatAge(seconds, now = Date.now() / 1000) {
  if (!isNumber(seconds)) return UNKNOWN;
  const past = now - seconds;
  if (past < 5) return "now";
  if (past < 60) return `${Math.floor(past)} s ago`;
  if (past < 3600) return `${Math.floor(past / 60)} min ago`;
  if (past < 86400) return `${Math.floor(past / 3600)} h ago`;
  if (past < 60 * 86400) return `${Math.floor(past / 86400)} d ago`;
  return formatTime(seconds, "day");
}

/** Format a count with its noun: `1 test`, `12 tests`. */
export function pluralize(count, noun, plural = `${noun}s`) {
  return `${formatNumber(count)} ${count === 1 ? noun : plural}`;
}

/** Return whether a value is a finite number. */
export function isNumber(value) {
  return typeof value === "number" && Number.isFinite(value);
}

const TIME_FORMATS = {
  month: { month: "short", year: "numeric" },
  date: { day: "numeric", month: "short" },
  hour: { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" },
  time: { hour: "2-digit", minute: "2-digit" },
  second: { hour: "2-digit", minute: "2-digit", second: "2-digit" },
  day: { day: "numeric", month: "short", year: "numeric" },
  short: { day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit" },
  long: { dateStyle: "medium", timeStyle: "long" },
};

const formatters = {};

function formatterFor(precision) {
  formatters[precision] ??= createFormatter(precision);
  return formatters[precision];
}

function createFormatter(precision) {
  const options = { hourCycle: "h23", ...TIME_FORMATS[precision] };
  try {
    return new Intl.DateTimeFormat("en-GB", { ...options, timeZone: ZONE });
  } catch {
    // The browser does not know the configured zone.
    return new Intl.DateTimeFormat("en-GB", options);
  }
}

function padTwo(value) {
  return String(Math.floor(value)).padStart(2, "0");
}

function threeDigits(value) {
  return String(Number(value.toPrecision(3)));
}

/** Return a phrase with each `{name}` replaced by `values.name`. */
export function fillIn(phrase, values = {}) {
  return phrase.replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

/** Return text with its first letter in upper case. */
export function capitalise(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** Format a ratio: `×1.96`. */
export function formatFactor(value) {
  return `×${value < 10 ? value.toFixed(2) : formatNumber(Math.round(value))}`;
}
