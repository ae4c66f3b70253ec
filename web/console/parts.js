// Small things that every view is made of.
// @ts-check
import { html, useEffect, useRef, useState } from "./vendor/htm-preact.js";
import { agentLabel } from "./agent.js";
import { useApp } from "./app-context.js";
import { href } from "./route.js";
import { AUDIT } from "./scopes.js";
import { formatTime, zoneName } from "./time.js";
import { endLabel, eventLabel, eventMeaning, eventTone, statusLabel, statusTone } from "./words.js";

const LONGEST_WAIT_SECONDS = 30;

/** The view's heading, which has the focus once the view was changed to. @param {any} given */
export function Heading({ title, children }) {
  useEffect(() => {
    document.title = `${title} · Token Ledger`;
  }, [title]);
  return html`<header class="heading"><h1 tabindex="-1" id="view-heading">${title}</h1>${children}</header>`;
}

/** A moment in the chosen zone; the other one when it is pointed at. @param {{ at: string | null, precise?: boolean }} given */
export function Time({ at, precise = false }) {
  const { zone } = useApp();
  if (!at) return html`<span class="muted">—</span>`;
  const other = zone === "utc" ? "local" : "utc";
  const date = new Date(at);
  const title = `${formatTime(at, other, { precise: true })} ${zoneName(other, date)}`;
  const [day, clock] = formatTime(at, zone, { precise }).split(" ");
  return html`<time datetime=${at} title=${title}><span class="date">${day}</span> <span class="clock">${clock}</span></time>`;
}

/** A moment in both zones. @param {{ at: string | null }} given */
export function BothTimes({ at }) {
  if (!at) return html`<span class="muted">—</span>`;
  const [day, clock] = formatTime(at, "utc", { precise: true }).split(" ");
  return html`<time datetime=${at}><span class="date">${day}</span> <span class="clock">${clock} UTC</span>
    <span class="muted second-line">${formatTime(at, "local")} ${zoneName("local", new Date(at))}</span></time>`;
}

/** @param {{ type: string }} given */
export const EventType = ({ type }) =>
  html`<span class=${`chip ${eventTone(type)}`} title=${eventMeaning(type)}>${eventLabel(type)}</span>`;

/** @param {{ status: string, reason?: string | null }} given */
export const Status = ({ status, reason = null }) =>
  html`<span class=${`chip ${statusTone(status)}`}>${statusLabel(status)}</span>${reason && html` <span class="muted">${endLabel(reason)}</span>`}`;

/** @param {{ id: string | null }} given */
export function SubjectLink({ id }) {
  const { may } = useApp();
  if (!id) return html`<span class="muted">—</span>`;
  return may(AUDIT) ? html`<a href=${href("subject", { id })}>${id}</a>` : html`<span>${id}</span>`;
}

/** The end of an id tells it from others: its beginning is a time. @param {{ id: string | null }} given */
export const SessionLink = ({ id }) =>
  id
    ? html`<a class="mono" href=${href("session", { id })} title=${id}><span class="unseen">Session </span>…${id.slice(-12)}</a>`
    : html`<span class="muted">—</span>`;

/** @param {{ agent: string | null, erased?: boolean }} given */
export const Agent = ({ agent, erased = false }) =>
  agent
    ? html`<span class="agent" title=${agent}>${agentLabel(agent)}</span>`
    : html`<span class="muted">${erased ? "erased" : "—"}</span>`;

/** @param {{ address: string | null, erased?: boolean }} given */
export const Address = ({ address, erased = false }) =>
  address ? html`<span class="mono">${address}</span>` : html`<span class="muted">${erased ? "erased" : "—"}</span>`;

/** @param {{ what?: string }} given */
export const Loading = ({ what = "Loading" }) =>
  html`<p class="state loading" role="status"><span class="spinner" aria-hidden="true"></span>${what}…</p>`;

/** @param {any} given */
export const Empty = ({ title, children }) => html`<div class="state empty"><p class="state-title">${title}</p>${children}</div>`;

/**
 * What went wrong and what to do. What passes by itself is tried again by itself.
 * @param {{ error: import("./graphql.js").ApiError, retry?: () => void }} given
 */
export function Failure({ error, retry }) {
  const attempts = useRef(0);
  const wait = Math.min(LONGEST_WAIT_SECONDS, Math.max(error.retryAfterSeconds ?? 1, 2 ** attempts.current));
  useEffect(() => {
    if (!retry || !error.passes) return undefined;
    const again = () => {
      attempts.current += 1;
      retry();
    };
    const timer = setTimeout(again, wait * 1000);
    addEventListener("online", again);
    return () => {
      clearTimeout(timer);
      removeEventListener("online", again);
    };
  }, [error]);
  const titles = {
    lost: "The connection is lost",
    unavailable: "The service cannot answer now",
    forbidden: "Not allowed",
    refused: "The server refused this",
    failed: "Something went wrong",
    unauthenticated: "Signed out",
  };
  return html`<div class=${`state failure ${error.kind}`} role="alert">
    <p class="state-title">${titles[error.kind]}</p>
    <p>${error.message}${retry && error.passes && html` It is tried again by itself in some seconds.`}</p>
    ${error.requestId && html`<p class="muted">Request id <span class="mono">${error.requestId}</span></p>`}
    ${retry && error.kind !== "forbidden" && html`<button type="button" onClick=${retry}>Try again</button>`}
  </div>`;
}

/** Below rows that are read page by page. @param {{ pages: import("./asking.js").Pages, what: string, empty?: any }} given */
export function PagesEnd({ pages, what, empty }) {
  const { rows, hasMore, loading, error, more } = pages;
  if (error) return html`<${Failure} error=${error} retry=${more} />`;
  if (loading) return html`<${Loading} what=${rows.length ? `Loading more ${what}` : `Loading ${what}`} />`;
  if (rows.length === 0 && !hasMore) return empty ?? html`<${Empty} title=${`No ${what}`} />`;
  return html`<p class="pages-end">
    <span class="muted">${rows.length.toLocaleString("en")} ${rows.length === 1 ? what.replace(/s$/, "") : what}${hasMore ? " so far" : ", and no more"}</span>
    ${hasMore && html`<button type="button" onClick=${more}>${rows.length ? "Show more" : "Look further"}</button>`}
  </p>`;
}

/**
 * A table whose rows are cards on a phone.
 * @param {{ label: string, columns: string[], children: any }} given
 */
export const Table = ({ label, columns, children }) => html`<div class="table-frame">
  <table role="table" aria-label=${label}>
    <thead role="rowgroup"><tr role="row">${columns.map((name) => html`<th role="columnheader" scope="col">${name}</th>`)}</tr></thead>
    <tbody role="rowgroup">${children}</tbody>
  </table>
</div>`;

/** @param {{ label: string, children: any, class?: string }} given */
export const Cell = ({ label, children, class: name }) =>
  html`<td role="cell" class=${name} data-label=${label}><div class="cell">${children}</div></td>`;

/** Names and values. @param {{ rows: [string, any][] }} given */
export const Facts = ({ rows }) =>
  html`<dl class="facts">${rows.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value ?? html`<span class="muted">—</span>`}</dd></div>`)}</dl>`;

/**
 * A question before something that cannot be undone. Escape and Cancel close it.
 * @param {{ title: string, action: string, danger?: boolean, busy?: boolean, error?: any, onConfirm: (form: FormData) => void, onClose: () => void, children: any, ready?: boolean }} given
 */
export function Dialog({ title, action, danger = false, busy = false, error = null, onConfirm, onClose, children, ready = true }) {
  const dialog = useRef(/** @type {HTMLDialogElement | null} */ (null));
  useEffect(() => {
    const element = /** @type {HTMLDialogElement} */ (dialog.current);
    element.showModal();
    return () => {
      if (!element.open) return; // closing gave the focus back to what had opened it
      element.close();
      document.getElementById("view-heading")?.focus({ preventScroll: true }); // it is done, and what had opened it may go
    };
  }, []);
  const submit = (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    onConfirm(new FormData(/** @type {HTMLFormElement} */ (event.target)));
  };
  return html`<dialog ref=${dialog} onClose=${onClose} aria-labelledby="dialog-title">
    <form onSubmit=${submit}>
      <h2 id="dialog-title">${title}</h2>
      ${children}
      ${error && html`<${Failure} error=${error} />`}
      <div class="buttons">
        <button type="button" onClick=${() => dialog.current?.close()}>Cancel</button>
        <button type="submit" class=${danger ? "danger" : "primary"} disabled=${busy || !ready}>${busy ? "Working…" : action}</button>
      </div>
    </form>
  </dialog>`;
}

/** A text to copy. @param {{ text: string, label: string }} given */
export function Copy({ text, label }) {
  const [copied, setCopied] = useState(false);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      setCopied(true);
      setTimeout(() => setCopied(false), 2000);
    } catch {
      setCopied(false);
    }
  };
  return html`<button type="button" class="small" onClick=${copy} aria-label=${`Copy ${label}`}>${copied ? "Copied" : "Copy"}</button>`;
}
