// Sessions by what they have in common, now or as they were at a moment.
// @ts-check
import { html } from "../vendor/htm-preact.js";
import { useApp } from "../app-context.js";
import { usePages } from "../asking.js";
import { filled, FilterForm, filterInput, SESSION_FIELDS } from "../filters.js";
import { SESSIONS, SESSIONS_AS_OF } from "../operations.js";
import { BothTimes, Empty, Heading, PagesEnd } from "../parts.js";
import { go, href } from "../route.js";
import { SessionTable } from "../rows.js";
import { ADMIN } from "../scopes.js";

/** @type {import("../filters.js").Field[]} */
const FIELDS = [...SESSION_FIELDS.slice(0, -1), { name: "asOf", label: "As of", kind: "time" }, ...SESSION_FIELDS.slice(-1)];

/** @param {{ query: URLSearchParams }} given */
export function Sessions({ query }) {
  const { may } = useApp();
  const { asOf, ...values } = filled(query, FIELDS);
  const filter = filterInput(values, SESSION_FIELDS);
  const pages = usePages(
    asOf ? SESSIONS_AS_OF : SESSIONS,
    asOf ? { time: asOf, filter } : { filter },
    (data) => data.sessionsAsOf ?? data.sessions,
  );
  const some = Object.keys(values).length > 0;
  return html`<${Heading} title="Sessions" />
    <${FilterForm} fields=${FIELDS} values=${filled(query, FIELDS)} label="Filter" onApply=${(/** @type {any} */ next) => go(href("sessions", next))}>
      ${may(ADMIN) && some && !asOf && html`<a class="button" href=${href("revoke", values)}>Revoke what matches…</a>`}
    <//>
    ${asOf && html`<p class="state notice">As they were at <${BothTimes} at=${asOf} />. <a href=${href("sessions", values)}>Show them as they are now</a></p>`}
    ${pages.rows.length > 0 && html`<${SessionTable} sessions=${pages.rows} label=${asOf ? "Sessions as they were" : "Sessions, newest first"} />`}
    <${PagesEnd} pages=${pages} what="sessions" empty=${html`<${Empty} title="No session matches.">${some && html`<p><a href=${href("sessions", { asOf })}>Without the filter</a></p>`}<//>`} />`;
}
