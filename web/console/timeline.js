// Where everything of a session's timeline stands in its picture. No drawing here.
// @ts-check
import { formatDuration, secondsBetween } from "./time.js";

/** Widths between one event and the next: time is compressed, a long silence is a break. */
const NARROW = 16;
const WIDE = 74;
const BREAK_SECONDS = 3600;
const LEFT = 92;
const RIGHT = 76;
/** Few events are not drawn wider apart than so many times. */
const WIDEST = 3.5;

/**
 * @typedef {object} Mark
 * @property {any} event
 * @property {number} x
 * @property {"generation" | "replay" | "refusal" | "reuse" | "end" | "other"} row
 */

/**
 * @typedef {object} Picture
 * @property {number} width
 * @property {Mark[]} marks every event in its order
 * @property {{ generation: number, from: number, to: number, current: boolean }[]} generations while each refresh token was the current one
 * @property {{ x: number, seconds: number, label: string }[]} breaks
 * @property {{ x: number, at: string }[]} ticks
 * @property {{ x: number, row: Mark["row"], to: number, generation: number }[]} links from a token that came back to where it was replaced
 */

/** @type {Record<string, Mark["row"]>} */
const ROWS = {
  TOKEN_ISSUED: "generation",
  TOKEN_ROTATED: "generation",
  TOKEN_REPLAYED: "replay",
  REFRESH_REFUSED: "refusal",
  FORGERY_DETECTED: "refusal",
  REPLAYED_AFTER_REVOCATION: "refusal",
  REUSE_DETECTED: "reuse",
  TOKEN_REVOKED: "end",
  TOKEN_EXPIRED: "end",
};

/**
 * @param {any[]} events of one session, oldest first
 * @param {number} room the picture is stretched to that width where it is narrower
 * @returns {Picture}
 */
export function layOut(events, room) {
  const gaps = events.slice(1).map((event, place) => Math.max(0, secondsBetween(events[place].occurredAt, event.occurredAt)));
  const narrowest = gaps.reduce((sum, seconds) => sum + widthOf(seconds), 0);
  const stretch = Math.min(WIDEST, Math.max(1, (room - LEFT - RIGHT) / Math.max(1, narrowest)));
  /** @type {Mark[]} */
  const marks = [];
  const breaks = [];
  let x = LEFT;
  for (const [place, event] of events.entries()) {
    if (place > 0) {
      const seconds = gaps[place - 1];
      const width = widthOf(seconds) * stretch;
      if (seconds >= BREAK_SECONDS) breaks.push({ x: x + width / 2, seconds, label: formatDuration(seconds) });
      x += width;
    }
    marks.push({ event, x, row: ROWS[event.type] ?? "other" });
  }
  const end = x + RIGHT;
  return { width: Math.max(end, room), marks, generations: generationsOf(marks, end), breaks, ticks: ticksOf(marks), links: linksOf(marks) };
}

/** By the logarithm of the time: a second and a month are both seen. @param {number} seconds */
function widthOf(seconds) {
  if (seconds <= 0) return NARROW;
  return Math.min(WIDE, Math.max(NARROW, NARROW + 7 * Math.log10(1 + seconds) * (seconds >= BREAK_SECONDS ? 1.6 : 1)));
}

/** @param {Mark[]} marks @param {number} end */
function generationsOf(marks, end) {
  const born = marks.filter(({ event }) => event.type === "TOKEN_ISSUED" || event.type === "TOKEN_ROTATED");
  const over = marks.find(({ row }) => row === "end");
  return born.map(({ event, x }, place) => ({
    generation: event.type === "TOKEN_ISSUED" ? 0 : event.data.generation,
    from: x,
    to: born[place + 1]?.x ?? over?.x ?? end - RIGHT / 3,
    current: place === born.length - 1 && over === undefined,
  }));
}

/** Labels that do not touch one another. @param {Mark[]} marks */
function ticksOf(marks) {
  const ticks = [];
  let last = -Infinity;
  for (const { event, x } of marks) {
    if (x - last < 128) continue;
    ticks.push({ x, at: event.occurredAt });
    last = x;
  }
  return ticks;
}

/** @param {Mark[]} marks */
function linksOf(marks) {
  const replaced = new Map(marks.filter(({ event }) => event.type === "TOKEN_ROTATED").map(({ event, x }) => [event.data.generation - 1, x]));
  return marks
    .filter(({ event }) => ["TOKEN_REPLAYED", "REUSE_DETECTED", "REPLAYED_AFTER_REVOCATION"].includes(event.type))
    .filter(({ event }) => replaced.has(event.data.presented_generation))
    .map(({ event, x, row }) => ({
      x,
      row,
      to: /** @type {number} */ (replaced.get(event.data.presented_generation)),
      generation: event.data.presented_generation,
    }));
}

/** The picture in words. @param {any[]} events oldest first */
export function described(events) {
  const count = (/** @type {string} */ type) => events.filter((event) => event.type === type).length;
  const parts = [`${count("TOKEN_ROTATED")} rotations`, `${count("TOKEN_REPLAYED")} replays`, `${count("REFRESH_REFUSED") + count("FORGERY_DETECTED")} refusals`];
  const reuse = events.find((event) => event.type === "REUSE_DETECTED");
  if (reuse) parts.push(`reuse of token ${reuse.data.presented_generation} at generation ${reuse.data.generation}, ${formatDuration(reuse.data.seconds_since_rotation)} after it was replaced`);
  const end = events.findLast((event) => event.type === "TOKEN_REVOKED" || event.type === "TOKEN_EXPIRED");
  parts.push(end ? `ended: ${end.data.reason ?? end.data.kind}` : "not ended");
  return `Timeline of ${events.length} events: ${parts.join(", ")}. Every event is in the table below.`;
}
