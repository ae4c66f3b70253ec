// What the ledger has been doing: counts, and charts of them over time.
// @ts-check
import { html, useMemo } from "../vendor/htm-preact.js";
import { useAsked } from "../asking.js";
import { Chart } from "../chart.js";
import { SUMMARY } from "../operations.js";
import { Empty, Failure, Heading, Loading, Time } from "../parts.js";
import { go, href } from "../route.js";

/** @type {Record<string, { label: string, hours: number, interval: "HOUR" | "DAY" }>} */
const PERIODS = {
  "24h": { label: "24 hours", hours: 24, interval: "HOUR" },
  "7d": { label: "7 days", hours: 7 * 24, interval: "HOUR" },
  "30d": { label: "30 days", hours: 30 * 24, interval: "HOUR" },
  "1y": { label: "1 year", hours: 365 * 24, interval: "DAY" },
};
const DEFAULT = "7d";
const COUNTS = /** @type {const} */ (["issued", "rotated", "replayed", "reuseDetected", "revoked", "expired"]);

/** @param {{ query: URLSearchParams }} given */
export function Overview({ query }) {
  const name = query.get("period") ?? DEFAULT;
  const period = PERIODS[name] ?? PERIODS[DEFAULT];
  // To the minute, so that the same question is not another one each time it is drawn.
  const since = useMemo(() => new Date(Math.floor(Date.now() / 60000) * 60000 - period.hours * 3600000).toISOString(), [period]);
  const { data, error, loading, reload } = useAsked(SUMMARY, { since, interval: period.interval });
  const summary = data?.securitySummary;
  return html`<${Heading} title="Overview">
      <div class="segments" role="group" aria-label="Period">
        ${Object.entries(PERIODS).map(([key, { label }]) => html`<button type="button" aria-pressed=${PERIODS[key] === period} onClick=${() => go(href("", { period: key === DEFAULT ? "" : key }))}>${label}</button>`)}
        <button type="button" onClick=${reload}>Refresh</button>
      </div>
    <//>
    ${error && html`<${Failure} error=${error} retry=${reload} />`}
    ${loading && !summary && html`<${Loading} what="Counting" />`}
    ${summary && html`<${Summary} summary=${summary} since=${since} period=${period.label} />`}`;
}

/** @param {{ summary: any, since: string, period: string }} given */
function Summary({ summary, since, period }) {
  const { starts, active, values } = useMemo(() => charted(summary), [summary]);
  const tiles = [
    ["Active sessions", summary.activeSessions, "now", href("sessions", { status: "ACTIVE" }), ""],
    ["Reuse alarms", summary.reuseDetected, period, href("alarms"), summary.reuseDetected > 0 ? "alarm" : ""],
    ["Replays", summary.replayed, period, href("events", { types: "TOKEN_REPLAYED", since }), ""],
    ["Refreshes", summary.rotated, period, href("events", { types: "TOKEN_ROTATED", since }), ""],
    ["Sign-ins", summary.issued, period, href("events", { types: "TOKEN_ISSUED", since }), ""],
    ["Revoked", summary.revoked, period, href("events", { types: "TOKEN_REVOKED", since }), ""],
    ["Expired", summary.expired, period, href("events", { types: "TOKEN_EXPIRED", since }), ""],
  ];
  const none = COUNTS.every((count) => summary[count] === 0);
  return html`<ul class="tiles">
      ${tiles.map(([label, count, when, to, tone]) => html`<li><a class=${`tile ${tone}`} href=${to}>
        <span class="tile-label">${label}</span> <span class="tile-count">${count.toLocaleString("en")}</span> <span class="muted">${when}</span></a></li>`)}
    </ul>
    ${none
      ? html`<${Empty} title="Nothing happened in this period."><p>Choose a longer one, or look at <a href=${href("live")}>live events</a>.</p><//>`
      : html`<div class="charts">
          <${Chart} title="Active sessions" text=${told("Active sessions", active)} starts=${starts} series=${[{ label: "Active sessions", values: active, colour: "--chart-1" }]} />
          <${Chart} title="Refreshes and sign-ins" text=${told("Refreshes", values.rotated)} starts=${starts}
            series=${[{ label: "Refreshes", values: values.rotated, colour: "--chart-1" }, { label: "Sign-ins", values: values.issued, colour: "--chart-2" }]} />
          <${Chart} title="Replays" text=${told("Replays", values.replayed)} starts=${starts} series=${[{ label: "Replays", values: values.replayed, colour: "--chart-3", bars: true }]} />
          <${Chart} title="Reuse" text=${told("Reuse alarms", values.reuseDetected)} starts=${starts} series=${[{ label: "Reuse alarms", values: values.reuseDetected, colour: "--chart-alarm", bars: true }]} />
          <${Chart} title="Ended sessions" text=${told("Revoked sessions", values.revoked)} starts=${starts}
            series=${[{ label: "Revoked", values: values.revoked, colour: "--chart-1" }, { label: "Expired", values: values.expired, colour: "--chart-2" }]} />
        </div>
        <p class="muted">Active sessions over time are computed back from the number now, by what was opened and ended since. Counts are of sealed events.</p>
        <details class="panel numbers"><summary>The same as a table</summary><${Numbers} series=${summary.series} /></details>`}`;
}

/** The intervals in which something happened, newest first. @param {{ series: any[] }} given */
function Numbers({ series }) {
  const names = ["Sign-ins", "Refreshes", "Replays", "Reuse", "Revoked", "Expired"];
  const busy = series.filter((bucket) => COUNTS.some((count) => bucket[count] > 0)).reverse();
  return html`<div class="table-frame plain" tabindex="0" role="region" aria-label="Counts by interval"><table>
    <thead><tr><th scope="col">From</th>${names.map((name) => html`<th scope="col" class="number">${name}</th>`)}</tr></thead>
    <tbody>${busy.map((bucket) => html`<tr><th scope="row"><${Time} at=${bucket.start} /></th>${COUNTS.map((count) => html`<td class="number">${bucket[count].toLocaleString("en")}</td>`)}</tr>`)}</tbody>
  </table></div>`;
}

/** @param {any} summary */
function charted(summary) {
  const { series } = summary;
  const starts = series.map((/** @type {any} */ bucket) => Date.parse(bucket.start) / 1000);
  const values = Object.fromEntries(COUNTS.map((count) => [count, series.map((/** @type {any} */ bucket) => bucket[count])]));
  const active = new Array(series.length);
  let left = summary.activeSessions;
  for (let place = series.length - 1; place >= 0; place--) {
    active[place] = Math.max(0, left);
    left -= series[place].issued - series[place].revoked - series[place].expired;
  }
  return { starts, active, values };
}

/** @param {string} what @param {number[]} values */
function told(what, values) {
  const number = (/** @type {number} */ value) => value.toLocaleString("en");
  return `${what}: at least ${number(Math.min(...values))}, at most ${number(Math.max(...values))} in an interval, ${number(values.at(-1) ?? 0)} in the newest. The numbers are in the table below.`;
}
