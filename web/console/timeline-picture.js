// The picture of a session: its generations in a row, replays and refusals below, the moment of reuse.
// @ts-check
import { html, useEffect, useMemo, useRef, useState } from "./vendor/htm-preact.js";
import { useApp } from "./app-context.js";
import { formatTime } from "./time.js";
import { described, layOut } from "./timeline.js";
import { eventLabel, eventSummary } from "./words.js";

const AXIS = 38;
const TOKENS = { top: 56, height: 30 };
const REPLAYS = 122;
const REFUSALS = 158;
const BOTTOM = 186;
const HEIGHT = 214;
/** Where the link of a mark begins. @type {Record<string, number>} */
const HEIGHTS = { replay: REPLAYS, refusal: REFUSALS, reuse: BOTTOM };

/** @param {{ events: any[] }} given oldest first */
export function TimelinePicture({ events }) {
  const { zone } = useApp();
  const [room, setRoom] = useState(0);
  const picture = useMemo(() => layOut(events, room), [events, room]);
  const frame = useRef(/** @type {HTMLDivElement | null} */ (null));
  const alarm = picture.marks.find(({ row }) => row === "reuse");
  useEffect(() => {
    const element = /** @type {HTMLDivElement} */ (frame.current);
    const sized = new ResizeObserver(() => setRoom(element.clientWidth));
    sized.observe(element);
    return () => sized.disconnect();
  }, []);
  useEffect(() => {
    // What matters is in sight: the reuse, else the newest.
    const element = frame.current;
    if (element) element.scrollLeft = alarm ? alarm.x - element.clientWidth * 0.6 : picture.width;
  }, [picture]);
  return html`<div class="timeline" ref=${frame} tabindex="0" role="region" aria-label="Timeline, scrolls sideways">
    <svg width=${picture.width} height=${HEIGHT} viewBox=${`0 0 ${picture.width} ${HEIGHT}`} role="img" aria-label=${described(events)}>
      <g class="rows">
        <text x="8" y=${TOKENS.top + 20}>Tokens</text><text x="8" y=${REPLAYS + 4}>Replays</text><text x="8" y=${REFUSALS + 4}>Refusals</text>
        <line x1="80" x2=${picture.width} y1=${REPLAYS} y2=${REPLAYS} /><line x1="80" x2=${picture.width} y1=${REFUSALS} y2=${REFUSALS} />
      </g>
      <g class="axis"><line x1="80" x2=${picture.width} y1=${AXIS} y2=${AXIS} />
        ${picture.ticks.map(({ x, at }) => html`<g><line x1=${x} x2=${x} y1=${AXIS - 4} y2=${AXIS + 4} /><text x=${x} y="14">${formatTime(at, zone).slice(0, 10)}</text><text x=${x} y="28">${formatTime(at, zone).slice(11)}</text></g>`)}
        ${picture.breaks.map(({ x, label }) => html`<g class="break"><path d=${`M${x - 5} ${AXIS + 6} l4 -12 M${x + 1} ${AXIS + 6} l4 -12`} /><title>${`${label} without an event`}</title></g>`)}
      </g>
      <g class="generations">
        ${picture.generations.map(({ generation, from, to, current }) => html`<g class=${current ? "current" : ""}>
          <rect x=${from} y=${TOKENS.top} width=${Math.max(6, to - from - 2)} height=${TOKENS.height} rx="4" />
          ${to - from >= 14 && html`<text x=${from + 5} y=${TOKENS.top + 20}>${generation}</text>`}
        </g>`)}
      </g>
      ${picture.links.map(({ x, to, row }) => html`<path class=${row === "reuse" ? "link alarm" : "link"}
        d=${`M${x} ${HEIGHTS[row]} C${x} ${TOKENS.top + 70} ${to} ${TOKENS.top + 70} ${to} ${TOKENS.top + TOKENS.height + 1}`} />`)}
      ${picture.marks.map((mark) => html`<${MarkShape} key=${mark.event.id} mark=${mark} zone=${zone} />`)}
    </svg>
  </div>
  <ul class="timeline-key" aria-hidden="true">
    <li class="key-token">a refresh token, by its generation</li><li class="key-replay">replayed inside a window</li>
    <li class="key-refusal">refused</li><li class="key-reuse">reuse</li><li class="key-end">end</li></ul>`;
}

/** @param {{ mark: import("./timeline.js").Mark, zone: import("./time.js").Zone }} given */
function MarkShape({ mark: { event, x, row }, zone }) {
  const title = html`<title>${`${eventLabel(event.type)}, ${formatTime(event.occurredAt, zone, { precise: true })}. ${eventSummary(event)}`}</title>`;
  switch (row) {
    case "generation":
      return html`<g class="mark generation"><rect x=${x} y=${TOKENS.top} width="3" height=${TOKENS.height} />${title}</g>`;
    case "replay":
      return html`<g class="mark replay"><circle cx=${x} cy=${REPLAYS} r="6" />${title}</g>`;
    case "refusal":
      return html`<g class="mark refusal"><path d=${`M${x - 5} ${REFUSALS - 5} l10 10 m0 -10 l-10 10`} />${title}</g>`;
    case "reuse":
      return html`<g class="mark reuse"><line x1=${x} x2=${x} y1=${AXIS} y2=${BOTTOM} /><path d=${`M${x} ${BOTTOM - 9} l9 9 l-9 9 l-9 -9 z`} />
        <text x=${x < 220 ? x : x + 8} y=${HEIGHT - 3} text-anchor=${x < 220 ? "start" : "end"}>reuse of token ${event.data.presented_generation}</text>${title}</g>`;
    case "end":
      return html`<g class="mark end"><line x1=${x} x2=${x} y1=${TOKENS.top - 8} y2=${BOTTOM} /><text x=${x + 6} y=${BOTTOM}>ended</text>${title}</g>`;
    default:
      return html`<g class="mark other"><rect x=${x - 4} y=${AXIS - 4} width="8" height="8" />${title}</g>`;
  }
}
