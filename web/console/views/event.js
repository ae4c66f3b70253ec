// One event: everything that is recorded of it, and the bytes that are hashed.
// @ts-check
import { html } from "../vendor/htm-preact.js";
import { useAsked } from "../asking.js";
import { EVENT_BY_ID } from "../operations.js";
import { Address, Agent, BothTimes, Copy, Empty, EventType, Facts, Failure, Heading, Loading, SessionLink, SubjectLink } from "../parts.js";
import { href } from "../route.js";
import { eventLabel, eventMeaning, eventSummary } from "../words.js";

/** @param {{ query: URLSearchParams }} given */
export function EventView({ query }) {
  const id = query.get("id") ?? "";
  const { data, error, loading, reload } = useAsked(id ? EVENT_BY_ID : null, { id });
  const event = data?.node?.__typename === "Event" ? data.node : null;
  return html`<${Heading} title=${event ? `Event: ${eventLabel(event.type)}` : "Event"} />
    ${error && html`<${Failure} error=${error} retry=${reload} />`}
    ${loading && !event && html`<${Loading} what="Loading the event" />`}
    ${!loading && !error && !event && html`<${Empty} title="There is no such event, or it is not shown to you."><p class="mono wrap">${id}</p><//>`}
    ${event && html`<${Told} event=${event} />`}`;
}

/** @param {{ event: any }} given */
function Told({ event }) {
  const known = (/** @type {any} */ value) => value || html`<span class="muted">${event.erased ? "erased" : "—"}</span>`;
  return html`<p class="lead"><${EventType} type=${event.type} /> ${eventMeaning(event.type)} ${eventSummary(event) && html`<span class="strong">${eventSummary(event)}</span>`}</p>
    <div class="panel"><${Facts} rows=${[
      ["Id", html`<span class="mono wrap">${event.id}</span>`],
      ["Log index", event.logIndex ?? "not sealed yet"],
      ["Occurred", html`<${BothTimes} at=${event.occurredAt} />`],
      ["Recorded", html`<${BothTimes} at=${event.recordedAt} />`],
      ["Subject", html`<${SubjectLink} id=${event.subject} />`],
      ["Session", html`<${SessionLink} id=${event.sessionId} />`],
      ["Version", event.version],
      ["Actor", html`<span class="wrap">${event.actor ?? "—"}</span>`],
      ["Client", event.clientId],
      ["Address", html`<${Address} address=${event.ipAddress} erased=${event.erased} />`],
      ["Agent", html`<${Agent} agent=${event.userAgent} erased=${event.erased} />`],
      ["Reason", known(event.reason)],
      ["Request", html`<span class="mono wrap">${event.correlationId ?? "—"}</span>`],
    ]} /></div>
    <section class="panel"><h2>Data</h2><pre tabindex="0">${JSON.stringify(event.data, null, 2)}</pre></section>
    <section class="panel"><h2>What is hashed</h2>
      <p class="muted">The canonical JSON, byte for byte. Its hash: <span class="mono wrap">${event.leafHash}</span></p>
      <pre class="wrapped" tabindex="0">${event.leaf}</pre>
      <div class="buttons"><${Copy} text=${event.leaf} label="the leaf" />
        ${event.logIndex === null ? html`<span class="muted">It has no proof before it is sealed.</span>` : html`<a class="button primary" href=${href("log", { event: event.id })}>Verify that it is in the log</a>`}</div>
    </section>`;
}
