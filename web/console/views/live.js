// Events as they are sealed, with pause and filter. The page keeps a bounded number of them.
// @ts-check
import { html, useEffect, useMemo, useRef, useState } from "../vendor/htm-preact.js";
import { useApp } from "../app-context.js";
import { EVENT_FIELDS, filled, FilterForm, filterInput } from "../filters.js";
import { subscribe } from "../live.js";
import { LIVE } from "../operations.js";
import { Empty, Heading } from "../parts.js";
import { go, href } from "../route.js";
import { EventTable } from "../rows.js";

const MOST_ROWS = 200;
const MOST_WAITING = 500;
/** Rows are drawn so often at the most, however fast events come. */
const DRAWN_EVERY_MS = 250;
const TOLD_EVERY_MS = 5000;

const FIELDS = EVENT_FIELDS.filter(({ name }) => name !== "since" && name !== "until" && name !== "toIndex" && name !== "fromIndex");

/** @param {{ query: URLSearchParams }} given */
export function Live({ query }) {
  const values = filled(query, FIELDS);
  const stream = useStream(filterInput(values, FIELDS));
  const { state, rows, paused, waiting, skipped } = stream;
  return html`<${Heading} title="Live events">
      <div class="segments">
        <button type="button" aria-pressed=${paused} onClick=${stream.pause}>${paused ? `Resume${waiting ? ` (${waiting})` : ""}` : "Pause"}</button>
        <button type="button" onClick=${stream.clear} disabled=${rows.length === 0}>Clear</button>
      </div>
    <//>
    <${FilterForm} fields=${FIELDS} values=${values} label="Filter" onApply=${(/** @type {any} */ next) => go(href("live", next))} />
    <${Connection} state=${state} retry=${stream.retry} />
    ${paused && html`<p class="state notice" role="status">Paused: ${waiting} ${waiting === 1 ? "event waits" : "events wait"}${skipped ? `, ${skipped} older ones were skipped` : ""}.</p>`}
    ${!paused && skipped > 0 && html`<p class="state notice" role="status">${skipped} events were skipped while it was paused.
      <a href=${href("events", values)}>They are in the event log</a>.</p>`}
    ${rows.length > 0
      ? html`<${EventTable} events=${rows} label="Live events, newest first" />
          ${rows.length === MOST_ROWS && html`<p class="muted">The newest ${MOST_ROWS} are kept here; older ones are in the <a href=${href("events", values)}>event log</a>.</p>`}`
      : state.state === "live" && html`<${Empty} title="Waiting for events."><p>What happens from now on${Object.keys(values).length ? " and matches the filter" : ""} appears here, under a second after it was recorded.</p><//>`}`;
}

/** @param {{ state: import("../live.js").LiveState, retry: () => void }} given */
function Connection({ state, retry }) {
  const seconds = useCountdown(state.retryAt);
  switch (state.state) {
    case "live":
      return html`<p class="live-state good" role="status"><span class="dot" aria-hidden="true"></span>Live</p>`;
    case "connecting":
      return html`<p class="live-state" role="status"><span class="spinner" aria-hidden="true"></span>Connecting…</p>`;
    case "lost":
      return html`<div class="state failure lost" role="alert"><p class="state-title">The connection is lost</p>
        <p>${state.message} Nothing is missed: it goes on after the last event that came.</p>
        <p><button type="button" onClick=${retry}>Try now</button> <span class="muted" aria-hidden="true">${seconds > 0 ? `tried again in ${seconds} s` : ""}</span></p></div>`;
    default:
      return html`<div class="state failure refused" role="alert"><p class="state-title">There is no stream</p><p>${state.message}</p>
        <button type="button" onClick=${retry}>Try again</button></div>`;
  }
}

/** Whole seconds until then. @param {number | undefined} until */
function useCountdown(until) {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    if (until === undefined) return undefined;
    setNow(Date.now());
    const timer = setInterval(() => setNow(Date.now()), 500);
    return () => clearInterval(timer);
  }, [until]);
  return until === undefined ? 0 : Math.max(0, Math.ceil((until - now) / 1000));
}

/** @param {object} filter */
function useStream(filter) {
  const { identity, signedOut, announce } = useApp();
  const [state, setState] = useState(/** @type {import("../live.js").LiveState} */ ({ state: "connecting" }));
  const [shown, setShown] = useState(/** @type {{ rows: any[], paused: boolean, waiting: number, skipped: number }} */ ({ rows: [], paused: false, waiting: 0, skipped: 0 }));
  const held = useRef({ rows: /** @type {any[]} */ ([]), waiting: /** @type {any[]} */ ([]), skipped: 0, paused: false, untold: 0 });
  const running = useRef(/** @type {ReturnType<typeof subscribe> | null} */ (null));
  const key = JSON.stringify(filter);

  const draw = () => {
    const { rows, waiting, skipped, paused } = held.current;
    setShown({ rows, paused, waiting: waiting.length, skipped });
  };

  useEffect(() => {
    const mine = held.current;
    Object.assign(mine, { rows: [], waiting: [], skipped: 0, untold: 0 });
    draw();
    let changed = false;
    running.current = subscribe({
      query: LIVE,
      filter,
      accessToken: (refused) => identity.getAccessToken(refused),
      onState: (next) => {
        setState(next);
        if (next.state === "signed out") signedOut("You are not signed in any more.");
      },
      onEvent: (event) => {
        mine.waiting.push(event);
        if (mine.paused && mine.waiting.length > MOST_WAITING) {
          mine.waiting.shift();
          mine.skipped += 1;
        }
        changed = true;
      },
    });
    const drawing = setInterval(() => {
      if (!changed) return;
      changed = false;
      if (!mine.paused) {
        mine.untold += mine.waiting.length;
        mine.rows = [...mine.waiting.reverse(), ...mine.rows].slice(0, MOST_ROWS);
        mine.waiting = [];
      }
      draw();
    }, DRAWN_EVERY_MS);
    const telling = setInterval(() => {
      if (mine.untold === 0) return;
      announce(`${mine.untold} new ${mine.untold === 1 ? "event" : "events"}`);
      mine.untold = 0;
    }, TOLD_EVERY_MS);
    return () => {
      clearInterval(drawing);
      clearInterval(telling);
      running.current?.close();
    };
  }, [key, identity]);

  return useMemo(
    () => ({
      state,
      ...shown,
      pause: () => {
        const mine = held.current;
        mine.paused = !mine.paused;
        if (mine.paused) mine.skipped = 0;
        else {
          mine.rows = [...mine.waiting.reverse(), ...mine.rows].slice(0, MOST_ROWS);
          mine.waiting = [];
        }
        draw();
      },
      clear: () => {
        Object.assign(held.current, { rows: [], skipped: 0 });
        draw();
      },
      retry: () => running.current?.retry(),
    }),
    [state, shown],
  );
}
