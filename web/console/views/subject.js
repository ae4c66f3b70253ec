// A person as the identity provider names them: status, sessions, what happened, and what may be done.
// @ts-check
import { html, useState } from "../vendor/htm-preact.js";
import { useApp } from "../app-context.js";
import { useAct, useAsked, usePages } from "../asking.js";
import { ERASE as ERASE_PERSON, EVENTS, HOLD, REACTIVATE, SUBJECT, SUBJECT_SESSIONS, SUSPEND } from "../operations.js";
import { BothTimes, Dialog, Empty, Facts, Failure, Heading, Loading, PagesEnd, Status } from "../parts.js";
import { go, href } from "../route.js";
import { EventTable, SessionTable } from "../rows.js";
import { ADMIN, ERASE } from "../scopes.js";
import { SESSION_STATUSES, statusLabel } from "../words.js";

/** @param {{ query: URLSearchParams }} given */
export function SubjectView({ query }) {
  const id = query.get("id") ?? "";
  const find = (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    const given = String(new FormData(/** @type {HTMLFormElement} */ (event.target)).get("id") ?? "").trim();
    go(href("subject", { id: given }));
  };
  return html`<${Heading} title=${id ? `Subject ${id}` : "Subject"}>
      <form class="find" onSubmit=${find} role="search"><label class="unseen" for="subject-id">Subject id</label>
        <input id="subject-id" name="id" placeholder="Subject id" autocomplete="off" autocapitalize="off" spellcheck=${false} required />
        <button type="submit">Open</button></form>
    <//>
    ${id ? html`<${Known} key=${id} id=${id} status=${query.get("status") ?? ""} />` : html`<${Empty} title="Which subject?"><p>Give the id by which the identity provider names the person.</p><//>`}`;
}

/** @param {{ id: string, status: string }} given */
function Known({ id, status }) {
  const { data, error, loading, reload } = useAsked(SUBJECT, { id });
  const [done, setDone] = useState(0);
  const subject = data?.subject;
  if (error) return html`<${Failure} error=${error} retry=${reload} />`;
  if (loading && !subject) return html`<${Loading} what="Loading the subject" />`;
  if (!subject) return html`<${Empty} title="Nothing was ever done for this id."><p class="wrap">${id}</p><//>`;
  const again = () => {
    reload();
    setDone(done + 1);
  };
  return html`<div class="panel">
      <${Facts} rows=${[
        ["Status", html`<${Status} status=${subject.status} />`],
        ["Legal hold", subject.legalHold ? html`<span class="chip warn">Held</span>` : "No"],
        ["Boundary", subject.notBefore ? html`<span>what was opened before <${BothTimes} at=${subject.notBefore} /> is refused</span>` : "None"],
      ]} />
      <${Acts} subject=${subject} onDone=${again} />
    </div>
    <${SessionsOf} key=${`sessions ${done}`} id=${id} status=${status} />
    <${EventsOf} key=${`events ${done}`} id=${id} />`;
}

/** @param {{ id: string, status: string }} given */
function SessionsOf({ id, status }) {
  const pages = usePages(SUBJECT_SESSIONS, { id, status: status || null }, (data) => data.subject?.sessions, { first: 20 });
  return html`<section class="part"><header class="part-head"><h2>Sessions</h2>
      <div class="field inline"><label for="session-status">Status</label>
        <select id="session-status" value=${status} onChange=${(/** @type {any} */ event) => go(href("subject", { id, status: event.target.value }))}>
          <option value="">Any</option>${SESSION_STATUSES.map((one) => html`<option value=${one}>${statusLabel(one)}</option>`)}
        </select></div></header>
    ${pages.rows.length > 0 && html`<${SessionTable} sessions=${pages.rows} label=${`Sessions of ${id}`} withSubject=${false} />`}
    <${PagesEnd} pages=${pages} what="sessions" /></section>`;
}

/** @param {{ id: string }} given */
function EventsOf({ id }) {
  const pages = usePages(EVENTS, { filter: { subject: id }, order: "NEWEST_FIRST" }, (data) => data.events, { first: 20 });
  return html`<section class="part"><header class="part-head"><h2>What happened</h2>
      <span><a href=${href("events", { subject: id })}>In the event log</a> · <a href=${href("live", { subject: id })}>Watch live</a></span></header>
    ${pages.rows.length > 0 && html`<${EventTable} events=${pages.rows} label=${`Events of ${id}`} withSubject=${false} />`}
    <${PagesEnd} pages=${pages} what="events" /></section>`;
}

/** @param {{ subject: any, onDone: () => void }} given */
function Acts({ subject, onDone }) {
  const { may } = useApp();
  const [asked, setAsked] = useState("");
  const erased = subject.status === "ERASED";
  if (!may(ADMIN) && !may(ERASE)) return null;
  return html`<div class="buttons">
    ${may(ADMIN) && !erased && (subject.status === "SUSPENDED"
      ? html`<button type="button" onClick=${() => setAsked("reactivate")}>Reactivate…</button>`
      : html`<button type="button" onClick=${() => setAsked("suspend")}>Suspend…</button>`)}
    ${may(ADMIN) && html`<a class="button" href=${href("revoke", { subject: subject.id })}>Revoke sessions…</a>`}
    ${may(ERASE) && html`<button type="button" onClick=${() => setAsked("hold")}>${subject.legalHold ? "Release the hold…" : "Set a legal hold…"}</button>`}
    ${may(ERASE) && !erased && html`<button type="button" class="danger" onClick=${() => setAsked("erase")} disabled=${subject.legalHold}
      title=${subject.legalHold ? "Refused while there is a legal hold" : ""}>Erase…</button>`}
    ${asked && html`<${ActDialog} asked=${asked} subject=${subject} onClose=${() => setAsked("")} onDone=${onDone} />`}
  </div>`;
}

/** @param {{ asked: string, subject: any, onClose: () => void, onDone: () => void }} given */
function ActDialog({ asked, subject, onClose, onDone }) {
  const { announce } = useApp();
  const { busy, error, run } = useAct();
  const [typed, setTyped] = useState("");
  const acts = /** @type {Record<string, any>} */ ({
    suspend: { title: `Suspend ${subject.id}?`, action: "Suspend", query: SUSPEND, told: "Refreshing is refused until reactivation. Sessions live on, and access tokens that were given stay good until they expire." },
    reactivate: { title: `Reactivate ${subject.id}?`, action: "Reactivate", query: REACTIVATE, told: "Refreshing is allowed again." },
    hold: subject.legalHold
      ? { title: `Release the legal hold on ${subject.id}?`, action: "Release", query: HOLD, more: { held: false }, told: "What is of the subject may be erased again." }
      : { title: `Set a legal hold on ${subject.id}?`, action: "Set the hold", query: HOLD, more: { held: true }, told: "Nothing of the subject may be erased or removed until the release." },
    erase: { title: `Erase ${subject.id}?`, action: "Erase for good", query: ERASE_PERSON, danger: true,
      told: "Every session ends, and addresses, agents, labels, claims and reasons are deleted. Events and proofs stay. The id never comes back. This cannot be undone." },
  })[asked];
  const confirm = async (/** @type {FormData} */ form) => {
    const variables = { subject: subject.id, reason: String(form.get("reason")).trim(), ...acts.more };
    if ((await run(acts.query, variables, "done")) === null) return;
    announce("Done");
    onClose();
    onDone();
  };
  return html`<${Dialog} title=${acts.title} action=${acts.action} danger=${acts.danger} busy=${busy} error=${error} onConfirm=${confirm} onClose=${onClose}
      ready=${!acts.danger || typed === subject.id}>
    <p>${acts.told}</p>
    <div class="field"><label for="reason">Reason</label><input id="reason" name="reason" required maxlength="500" autocomplete="off" />
      ${acts.danger && html`<p class="muted">It stays in the ledger: a reference such as a ticket, no name.</p>`}</div>
    ${acts.danger && html`<div class="field"><label for="typed">Type the subject's id to confirm</label>
      <input id="typed" autocomplete="off" autocapitalize="off" spellcheck=${false} value=${typed} onInput=${(/** @type {any} */ event) => setTyped(event.target.value)} /></div>`}
  <//>`;
}
