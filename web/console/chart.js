// One chart over time, drawn on a canvas, with a text for those who do not see it.
// @ts-check
import { html, useEffect, useRef } from "./vendor/htm-preact.js";
import uPlot from "./vendor/uPlot.js";
import { useApp } from "./app-context.js";

const HEIGHT = 180;

/**
 * @param {object} given
 * @param {string} given.title
 * @param {string} given.text what it shows, for those who do not see it
 * @param {number[]} given.starts seconds since 1970
 * @param {{ label: string, values: number[], colour: string, bars?: boolean }[]} given.series colour: the name of a CSS property
 */
export function Chart({ title, text, starts, series }) {
  const { zone } = useApp();
  const frame = useRef(/** @type {HTMLDivElement | null} */ (null));
  useEffect(() => {
    const element = /** @type {HTMLDivElement} */ (frame.current);
    // The newest interval reaches beyond its start.
    const length = starts.length > 1 ? starts[1] - starts[0] : 3600;
    let chart = draw();
    function draw() {
      const style = getComputedStyle(element);
      const colour = (/** @type {string} */ name) => style.getPropertyValue(name).trim();
      const axis = { stroke: colour("--muted"), grid: { stroke: colour("--line"), width: 1 }, ticks: { stroke: colour("--line"), width: 1 }, font: "12px system-ui, sans-serif" };
      return new uPlot(
        {
          width: Math.max(200, element.clientWidth),
          height: HEIGHT,
          tzDate: (/** @type {number} */ seconds) => (zone === "utc" ? uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC") : new Date(seconds * 1000)),
          legend: { show: false },
          cursor: { drag: { x: false, y: false }, points: { show: false } },
          scales: { x: { range: (/** @type {any} */ _, /** @type {number} */ low, /** @type {number} */ high) => [low, high + length] }, y: { range: (/** @type {any} */ _, /** @type {number} */ __, /** @type {number} */ high) => [0, Math.max(4, high * 1.1)] } },
          axes: [{ ...axis, size: 30, values: dates(zone) }, { ...axis, size: 56, values: (/** @type {any} */ _, /** @type {number[]} */ ticks) => ticks.map((tick) => (Number.isInteger(tick) ? tick.toLocaleString("en") : "")) }],
          series: [
            {},
            ...series.map(({ label, colour: name, bars }) => ({
              label,
              stroke: colour(name),
              fill: bars ? colour(name) : undefined,
              width: bars ? 0 : 1.5,
              points: { show: false },
              paths: bars ? uPlot.paths.bars?.({ size: [0.7, 24, 1], align: 1 }) : undefined,
            })),
          ],
        },
        [starts, ...series.map(({ values }) => values)],
        element,
      );
    }
    const again = () => {
      chart.destroy();
      chart = draw();
    };
    const sized = new ResizeObserver(() => chart.setSize({ width: Math.max(200, element.clientWidth), height: HEIGHT }));
    sized.observe(element);
    const dark = matchMedia("(prefers-color-scheme: dark)");
    addEventListener("theme", again);
    dark.addEventListener("change", again);
    return () => {
      sized.disconnect();
      removeEventListener("theme", again);
      dark.removeEventListener("change", again);
      chart.destroy();
    };
  }, [starts, series, zone]);
  return html`<figure class="panel chart">
    <figcaption><h2>${title}</h2>
      <ul class="legend" aria-hidden="true">${series.map(({ label, colour }) => html`<li class=${colour.slice(2)}>${label}</li>`)}</ul></figcaption>
    <div ref=${frame} class="plot" role="img" aria-label=${`${title}. ${text}`}></div>
  </figure>`;
}

/** Labels of the time axis: a day where a day begins, else hours and minutes. @param {import("./time.js").Zone} zone */
function dates(zone) {
  const given = { timeZone: zone === "utc" ? "UTC" : undefined, hourCycle: /** @type {"h23"} */ ("h23") };
  const day = new Intl.DateTimeFormat("en-GB", { ...given, day: "numeric", month: "short" });
  const clock = new Intl.DateTimeFormat("en-GB", { ...given, hour: "2-digit", minute: "2-digit" });
  return (/** @type {any} */ _, /** @type {number[]} */ ticks) =>
    ticks.map((tick) => {
      const text = clock.format(tick * 1000);
      return text === "00:00" ? day.format(tick * 1000) : text;
    });
}
