// The sealed log, by filter.
// @ts-check
import { html } from "../vendor/htm-preact.js";
import { usePages } from "../asking.js";
import { EVENT_FIELDS, filled, FilterForm, filterInput } from "../filters.js";
import { EVENTS } from "../operations.js";
import { Empty, Heading, PagesEnd } from "../parts.js";
import { go, href } from "../route.js";
import { EventTable } from "../rows.js";

/** @param {{ query: URLSearchParams }} given */
export function Events({ query }) {
  const values = filled(query, EVENT_FIELDS);
  const oldest = query.get("order") === "oldest";
  const pages = usePages(EVENTS, { filter: filterInput(values, EVENT_FIELDS), order: oldest ? "OLDEST_FIRST" : "NEWEST_FIRST" }, (data) => data.events);
  const place = (/** @type {object} */ next, /** @type {boolean} */ first) => href("events", { ...next, order: first ? "oldest" : "" });
  return html`<${Heading} title="Event log">
      <div class="segments" role="group" aria-label="Order">
        <button type="button" aria-pressed=${!oldest} onClick=${() => go(place(values, false))}>Newest first</button>
        <button type="button" aria-pressed=${oldest} onClick=${() => go(place(values, true))}>Oldest first</button>
      </div>
    <//>
    <${FilterForm} fields=${EVENT_FIELDS} values=${values} label="Filter" onApply=${(/** @type {any} */ next) => go(place(next, oldest))}>
      <a class="button" href=${href("live", values)}>Watch live</a>
    <//>
    ${pages.rows.length > 0 && html`<${EventTable} events=${pages.rows} label="Events" />`}
    <${PagesEnd} pages=${pages} what="events" empty=${html`<${Empty} title="No event matches." />`} />`;
}
