// Reuse alarms: who redeemed the token, who came with it again, and how long lay between.
// @ts-check
import { html, useMemo } from "../vendor/htm-preact.js";
import { useAsked, usePages } from "../asking.js";
import { EVENT_FIELDS, filled, FilterForm, filterInput } from "../filters.js";
import { EVENTS, redemptions } from "../operations.js";
import { Address, Agent, BothTimes, Empty, Heading, PagesEnd, SessionLink, SubjectLink } from "../parts.js";
import { go, href } from "../route.js";
import { formatDuration } from "../time.js";
import { detailLabel } from "../words.js";
import { agentLabel } from "../agent.js";

/** So many as one operation may ask about. */
const PAGE = 15;
const FIELDS = EVENT_FIELDS.filter(({ name }) => name !== "types" && name !== "actor");

/** @param {{ query: URLSearchParams }} given */
export function Alarms({ query }) {
  const values = filled(query, FIELDS);
  const filter = { ...filterInput(values, FIELDS), types: ["REUSE_DETECTED"] };
  const pages = usePages(EVENTS, { filter, order: "NEWEST_FIRST" }, (data) => data.events, { first: PAGE });
  const groups = useMemo(() => chunks(pages.rows, PAGE), [pages.rows]);
  return html`<${Heading} title="Reuse alarms" />
    <p class="lead">A refresh token that had been replaced came back, and no window covered it. Another address and another kind of browser
      speak for theft; the same ones for a device that was restored from a backup or held a token back.</p>
    <${FilterForm} fields=${FIELDS} values=${values} label="Filter" onApply=${(/** @type {any} */ next) => go(href("alarms", next))} />
    ${groups.map((group) => html`<${AlarmGroup} key=${group[0].id} alarms=${group} />`)}
    <${PagesEnd} pages=${pages} what="alarms" empty=${html`<${Empty} title="No reuse was detected."><p>${Object.keys(values).length ? "Nothing matches the filter." : "That is how it should be."}</p><//>`} />`;
}

/** @param {{ alarms: any[] }} given at most PAGE */
function AlarmGroup({ alarms }) {
  const variables = useMemo(() => Object.fromEntries(alarms.map((alarm, number) => [`filter${number}`, redemptionFilter(alarm)])), [alarms]);
  const { data, error, loading } = useAsked(useMemo(() => redemptions(alarms.length), [alarms.length]), variables);
  return html`<ol class="alarms">
    ${alarms.map((alarm, number) => {
      const found = data?.[`at${number}`].edges.map((/** @type {any} */ edge) => edge.node) ?? [];
      const redeemed = found.find((/** @type {any} */ one) => one.data.generation === alarm.data.presented_generation + 1) ?? null;
      return html`<li key=${alarm.id}><${Alarm} alarm=${alarm} redeemed=${redeemed} loading=${loading} failed=${error !== null} /></li>`;
    })}
  </ol>`;
}

/** Of the rotation that replaced the token: `seconds_since_rotation` are whole seconds before the alarm. @param {any} alarm */
function redemptionFilter(alarm) {
  const moment = Date.parse(alarm.occurredAt) - alarm.data.seconds_since_rotation * 1000;
  return {
    sessionId: alarm.sessionId,
    types: ["TOKEN_ROTATED"],
    since: new Date(moment - 2000).toISOString(),
    until: new Date(moment + 2000).toISOString(),
  };
}

/** @param {{ alarm: any, redeemed: any, loading: boolean, failed: boolean }} given */
function Alarm({ alarm, redeemed, loading, failed }) {
  const enforced = alarm.data.enforced !== false;
  const verdict = redeemed && compared(redeemed, alarm);
  return html`<article class="panel alarm-card" aria-label=${`Reuse of token ${alarm.data.presented_generation} of ${alarm.subject}`}>
    <header>
      <span class="chip alarm">Reuse detected</span>
      <span><span class="muted">Subject</span> <${SubjectLink} id=${alarm.subject} /></span>
      <span><span class="muted">Session</span> <${SessionLink} id=${alarm.sessionId} /></span>
      <a class="details-link" href=${href("event", { id: alarm.id })}>Event ${alarm.logIndex}</a>
    </header>
    <div class="pair">
      <section class="print"><h2>Redeemed by</h2>
        ${redeemed
          ? html`<${Fingerprint} event=${redeemed} />`
          : html`<p class="muted">${loading ? "Loading…" : failed ? "It could not be read." : "Its event is not in the ledger any more."}</p>`}</section>
      <p class="between"><span class="between-time">${formatDuration(alarm.data.seconds_since_rotation)}</span><span class="muted">between</span></p>
      <section class="print came-back"><h2>Came back from</h2><${Fingerprint} event=${alarm} /></section>
    </div>
    <footer>
      ${verdict && html`<span class=${`chip ${verdict.tone}`}>${verdict.text}</span>`}
      <span>Token ${alarm.data.presented_generation} at generation ${alarm.data.generation}: ${detailLabel(alarm.data.subtype)}.</span>
      <span class=${enforced ? "" : "warn-text"}>${enforced ? "The session was ended." : "Shadow mode: the session lives on."}</span>
    </footer>
  </article>`;
}

/** @param {{ event: any }} given */
const Fingerprint = ({ event }) => html`<dl class="fingerprint">
  <div><dt class="unseen">Address</dt><dd><${Address} address=${event.ipAddress} erased=${event.erased} /></dd></div>
  <div><dt class="unseen">Agent</dt><dd><${Agent} agent=${event.userAgent} erased=${event.erased} /></dd></div>
  <div><dt class="unseen">Time</dt><dd><${BothTimes} at=${event.occurredAt} /></dd></div>
</dl>`;

/** What the two have in common. @param {any} first @param {any} second */
function compared(first, second) {
  if (first.erased || second.erased) return { tone: "plain", text: "Erased" };
  const address = first.ipAddress === second.ipAddress;
  const agent = agentLabel(first.userAgent) === agentLabel(second.userAgent);
  if (address && agent) return { tone: "plain", text: "Same address and browser" };
  if (address) return { tone: "warn", text: "Same address, another browser" };
  if (agent) return { tone: "warn", text: "Another address, same browser" };
  return { tone: "alarm", text: "Another address and browser" };
}

/** @param {any[]} rows @param {number} size */
function chunks(rows, size) {
  const made = [];
  for (let start = 0; start < rows.length; start += size) made.push(rows.slice(start, start + size));
  return made;
}
