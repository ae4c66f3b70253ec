// One session: what it is, its timeline as a picture and as a table, and as it was at a moment.
// @ts-check
import { html, useState } from "../vendor/htm-preact.js";
import { useApp } from "../app-context.js";
import { useAct, useAsked, usePages } from "../asking.js";
import { REVOKE, SESSION_AS_OF, SESSION_BY_ID, SESSION_EVENTS } from "../operations.js";
import { Address, Agent, BothTimes, Copy, Dialog, Empty, Facts, Failure, Heading, Loading, PagesEnd, Status, SubjectLink } from "../parts.js";
import { go, href } from "../route.js";
import { EventTable } from "../rows.js";
import { ADMIN } from "../scopes.js";
import { fromField, toField, zoneName } from "../time.js";
import { TimelinePicture } from "../timeline-picture.js";
import { endLabel } from "../words.js";

/** Events that are drawn without being asked for. */
const DRAWN = 2000;

/** @param {{ query: URLSearchParams }} given */
export function SessionView({ query }) {
  const id = query.get("id") ?? "";
  return html`<${Heading} title="Session"><span class="mono wrap">${id}</span> ${id && html`<${Copy} text=${id} label="the session's id" />`}<//>
    ${id ? html`<${Known} key=${id} id=${id} asOf=${query.get("asOf") ?? ""} />` : html`<${Empty} title="Which session?"><p><a href=${href("sessions")}>To the sessions</a></p><//>`}`;
}

/** @param {{ id: string, asOf: string }} given */
function Known({ id, asOf }) {
  const { may, identity } = useApp();
  const { data, error, loading, reload } = useAsked(SESSION_BY_ID, { id });
  const events = usePages(SESSION_EVENTS, { id }, (answer) => answer.session?.events, { first: 500, all: DRAWN });
  const [asking, setAsking] = useState(false);
  const session = data?.session;
  if (error) return html`<${Failure} error=${error} retry=${reload} />`;
  if (loading && !session) return html`<${Loading} what="Loading the session" />`;
  if (!session) return html`<${Empty} title="There is no such session, or it is not shown to you." />`;
  const living = session.status === "ACTIVE" || session.status === "SUSPENDED";
  const ended = () => {
    setAsking(false);
    reload();
    events.reload();
  };
  return html`
    ${asOf && html`<${Past} id=${id} asOf=${asOf} />`}
    <div class="panel"><${Facts} rows=${[
      ["Status", html`<${Status} status=${session.status} /> ${session.endedReason && html`<span>${endLabel(session.endedReason)}</span>`}`],
      ["Subject", html`<${SubjectLink} id=${session.subject} />`],
      ["Client", session.clientId],
      ["Device", session.deviceLabel],
      ["Agent", html`<${Agent} agent=${session.userAgent} />`],
      ["Address", html`<${Address} address=${session.ipAddress} />`],
      ["Rotations", session.generation.toLocaleString("en")],
      ["Created", html`<${BothTimes} at=${session.createdAt} />`],
      ["Last used", html`<${BothTimes} at=${session.lastUsedAt} />`],
      session.endedAt ? ["Ended", html`<${BothTimes} at=${session.endedAt} />`] : ["Ends when idle", html`<${BothTimes} at=${session.idleExpiresAt} />`],
      ["Ends at the latest", html`<${BothTimes} at=${session.absoluteExpiresAt} />`],
    ]} />
    <div class="buttons">
      ${living && (may(ADMIN) || session.subject === identity.subject) && html`<button type="button" class="danger" onClick=${() => setAsking(true)}>Revoke…</button>`}
      <${AsOfForm} id=${id} asOf=${asOf} />
    </div></div>
    ${asking && html`<${RevokeDialog} id=${id} onClose=${() => setAsking(false)} onDone=${ended} />`}
    <section class="part"><h2>Timeline</h2>
      ${events.rows.length > 0 && html`<${TimelinePicture} events=${events.rows} />
        <${EventTable} events=${events.rows} label="Timeline as a table, oldest first" withSubject=${false} withSession=${false} precise=${true} />`}
      <${PagesEnd} pages=${events} what="events" /></section>`;
}

/** @param {{ id: string, asOf: string }} given */
function AsOfForm({ id, asOf }) {
  const { zone } = useApp();
  const submit = (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    const value = String(new FormData(/** @type {HTMLFormElement} */ (event.target)).get("asOf") ?? "");
    go(href("session", { id, asOf: fromField(value, zone) }));
  };
  return html`<form class="find" onSubmit=${submit}><label for="as-of">As of <span class="muted">(${zoneName(zone)})</span></label>
    <input id="as-of" name="asOf" type="datetime-local" step="1" defaultValue=${toField(asOf, zone)} /><button type="submit">Show</button></form>`;
}

/** @param {{ id: string, asOf: string }} given */
function Past({ id, asOf }) {
  const { data, error, loading, reload } = useAsked(SESSION_AS_OF, { id, time: asOf });
  const past = data?.sessionAsOf;
  return html`<section class="panel past"><h2>As it was at <${BothTimes} at=${asOf} /></h2>
    ${error && html`<${Failure} error=${error} retry=${reload} />`}
    ${loading && html`<${Loading} />`}
    ${data && !past && html`<p>It did not exist yet.</p>`}
    ${past && html`<${Facts} rows=${[
      ["Status", html`<${Status} status=${past.status} />`],
      ["Rotations", past.generation],
      ["Device", past.deviceLabel],
      ["Agent", html`<${Agent} agent=${past.userAgent} />`],
      ["Address", html`<${Address} address=${past.ipAddress} />`],
      ["Last used", html`<${BothTimes} at=${past.lastUsedAt} />`],
      ["Would end when idle", html`<${BothTimes} at=${past.idleExpiresAt} />`],
    ]} />`}
    <p><a href=${href("session", { id })}>Only as it is now</a></p></section>`;
}

/** @param {{ id: string, onClose: () => void, onDone: () => void }} given */
function RevokeDialog({ id, onClose, onDone }) {
  const { announce } = useApp();
  const { busy, error, run } = useAct();
  const confirm = async (/** @type {FormData} */ form) => {
    const reason = String(form.get("reason")).trim();
    if ((await run(REVOKE, { id, reason: reason || null }, "revokeSession")) === null) return;
    announce("The session was revoked");
    onDone();
  };
  return html`<${Dialog} title="Revoke this session?" action="Revoke" danger=${true} busy=${busy} error=${error} onConfirm=${confirm} onClose=${onClose}>
    <p>Its refresh token is worth nothing at once. Access tokens that were given stay good with services that verify offline until they expire.</p>
    <div class="field"><label for="reason">Reason <span class="muted">(optional)</span></label><input id="reason" name="reason" maxlength="500" autocomplete="off" /></div>
  <//>`;
}
