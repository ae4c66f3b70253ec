// Times as people read them, local or UTC, and as the ledger takes them.
// @ts-check

/** @typedef {"local" | "utc"} Zone */

const two = (/** @type {number} */ number) => String(number).padStart(2, "0");

/**
 * 2026-11-25 17:10:18, to the second or, where `precise`, to the microsecond.
 * @param {string | Date} moment @param {Zone} zone @param {{ precise?: boolean }} [how]
 */
export function formatTime(moment, zone, { precise = false } = {}) {
  const date = new Date(moment);
  if (Number.isNaN(date.getTime())) return String(moment);
  const text =
    zone === "utc"
      ? date.toISOString().slice(0, 19).replace("T", " ")
      : `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ` +
        `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  if (!precise) return text;
  const fraction = typeof moment === "string" ? /\.(\d{1,6})/.exec(moment)?.[1] : undefined;
  return `${text}.${(fraction ?? String(date.getMilliseconds()).padStart(3, "0")).padEnd(6, "0")}`;
}

/** UTC+01:00, or UTC. @param {Zone} zone @param {Date} [at] summer time may make a difference */
export function zoneName(zone, at = new Date()) {
  const minutes = zone === "utc" ? 0 : -at.getTimezoneOffset();
  if (zone === "utc") return "UTC";
  const absolute = Math.abs(minutes);
  return `UTC${minutes < 0 ? "-" : "+"}${two(Math.floor(absolute / 60))}:${two(absolute % 60)}`;
}

/** The two largest units: 3 min 12 s. @param {number} seconds */
export function formatDuration(seconds) {
  if (seconds < 1) return seconds <= 0 ? "0 s" : `${Math.max(1, Math.round(seconds * 1000))} ms`;
  /** @type {[string, number][]} */
  const units = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];
  let rest = Math.round(seconds);
  const parts = [];
  for (const [name, length] of units) {
    const count = Math.floor(rest / length);
    rest %= length;
    if (count > 0) parts.push(`${count} ${name}`);
    else if (parts.length > 0) break;
    if (parts.length === 2) break;
  }
  return parts.join(" ");
}

/** Seconds from one moment to another. @param {string} from @param {string} to */
export function secondsBetween(from, to) {
  return (Date.parse(to) - Date.parse(from)) / 1000;
}

/** The value of a datetime-local field. @param {string | null | undefined} moment @param {Zone} zone */
export function toField(moment, zone) {
  if (!moment || Number.isNaN(Date.parse(moment))) return "";
  return formatTime(moment, zone).replace(" ", "T");
}

/** What a datetime-local field says, in RFC 3339 and UTC; empty: nothing. @param {string} value @param {Zone} zone */
export function fromField(value, zone) {
  if (!value) return "";
  const date = new Date(zone === "utc" ? `${value}Z` : value);
  return Number.isNaN(date.getTime()) ? "" : date.toISOString();
}
