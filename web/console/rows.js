// Tables of sessions, of sessions as they were, and of events.
// @ts-check
import { html } from "./vendor/htm-preact.js";
import { Address, Agent, Cell, EventType, SessionLink, Status, SubjectLink, Table, Time } from "./parts.js";
import { href } from "./route.js";
import { eventSummary } from "./words.js";

/** @param {{ sessions: any[], label: string, withSubject?: boolean }} given snapshots have `sessionId` and no end */
export function SessionTable({ sessions, label, withSubject = true }) {
  const columns = ["Session", ...(withSubject ? ["Subject"] : []), "Status", "Device", "Address", "Client", "Rotations", "Created", "Last used"];
  return html`<${Table} label=${label} columns=${columns}>
    ${sessions.map((one) => html`<tr role="row" key=${one.id ?? one.sessionId}>
      <${Cell} label="Session"><${SessionLink} id=${one.id ?? one.sessionId} /><//>
      ${withSubject && html`<${Cell} label="Subject"><${SubjectLink} id=${one.subject} /><//>`}
      <${Cell} label="Status"><${Status} status=${one.status} reason=${one.endedReason} /><//>
      <${Cell} label="Device"><div>${one.deviceLabel && html`<span class="label">${one.deviceLabel}</span>`}<${Agent} agent=${one.userAgent} /></div><//>
      <${Cell} label="Address"><${Address} address=${one.ipAddress} /><//>
      <${Cell} label="Client">${one.clientId}<//>
      <${Cell} label="Rotations" class="number">${one.generation}<//>
      <${Cell} label="Created" class="two-lines"><${Time} at=${one.createdAt} /><//>
      <${Cell} label="Last used" class="two-lines"><${Time} at=${one.lastUsedAt} /><//>
    </tr>`)}
  <//>`;
}

/** @param {{ events: any[], label: string, withSubject?: boolean, withSession?: boolean, precise?: boolean }} given */
export function EventTable({ events, label, withSubject = true, withSession = true, precise = false }) {
  const columns = ["Index", "Time", "Event", "What", ...(withSubject ? ["Subject"] : []), ...(withSession ? ["Session"] : []), "By", "Address", "Agent"];
  return html`<${Table} label=${label} columns=${columns}>
    ${events.map((one) => html`<tr role="row" key=${one.id}>
      <${Cell} label="Index" class="number"><a href=${href("event", { id: one.id })} title=${one.id}><span class="unseen">Event </span>${one.logIndex ?? "not sealed"}</a><//>
      <${Cell} label="Time"><${Time} at=${one.occurredAt} precise=${precise} /><//>
      <${Cell} label="Event"><${EventType} type=${one.type} /><//>
      <${Cell} label="What"><div>${eventSummary(one)}${one.reason && html` <span class="quote">“${one.reason}”</span>`}</div><//>
      ${withSubject && html`<${Cell} label="Subject"><${SubjectLink} id=${one.subject} /><//>`}
      ${withSession && html`<${Cell} label="Session"><${SessionLink} id=${one.sessionId} /><//>`}
      <${Cell} label="By"><${Actor} event=${one} /><//>
      <${Cell} label="Address"><${Address} address=${one.ipAddress} erased=${one.erased} /><//>
      <${Cell} label="Agent"><${Agent} agent=${one.userAgent} erased=${one.erased} /><//>
    </tr>`)}
  <//>`;
}

/** @param {{ event: any }} given */
const Actor = ({ event }) =>
  event.subject !== null && event.actor === `subject:${event.subject}`
    ? html`<span title=${event.actor}>subject</span>`
    : html`<span class="wrap">${(event.actor ?? "—").split(":").map((/** @type {string} */ part, /** @type {number} */ place) => (place ? html`:<wbr />${part}` : part))}</span>`;
