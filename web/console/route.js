// The address is the state: which view, and what it is about. Every state of a view can be linked to.
// @ts-check
import { useEffect, useState } from "./vendor/htm-preact.js";

const BASE = "/console/";
const listeners = new Set();

/** @typedef {{ view: string, query: URLSearchParams }} Place */

/** @returns {Place} The view is the path below /console/, without slashes at its end; empty for the overview. */
function here() {
  const below = location.pathname.startsWith(BASE) ? location.pathname.slice(BASE.length) : "";
  return { view: below.replace(/\/+$/, ""), query: new URLSearchParams(location.search) };
}

/**
 * The address of a view.
 * @param {string} view
 * @param {Record<string, string | number | null | undefined> | URLSearchParams} [query] empty values are left out
 */
export function href(view, query = {}) {
  const pairs = query instanceof URLSearchParams ? [...query] : Object.entries(query);
  const kept = new URLSearchParams();
  for (const [name, value] of pairs) {
    if (value !== null && value !== undefined && value !== "") kept.append(name, String(value));
  }
  const text = kept.toString();
  return BASE + view + (text ? `?${text}` : "");
}

/** @param {string} to of this console @param {{ replace?: boolean }} [how] replace: no new entry in the history */
export function go(to, { replace = false } = {}) {
  if (replace) history.replaceState(null, "", to);
  else if (to !== location.pathname + location.search) history.pushState(null, "", to);
  for (const listener of listeners) listener();
}

/** @returns {Place} where the page is; the component is drawn again when that changes */
export function usePlace() {
  const [place, setPlace] = useState(here);
  useEffect(() => {
    const changed = () => setPlace(here());
    listeners.add(changed);
    addEventListener("popstate", changed);
    return () => {
      listeners.delete(changed);
      removeEventListener("popstate", changed);
    };
  }, []);
  return place;
}

/** Links of the console change the view without loading the page again; once a page. */
export function followLinks() {
  document.addEventListener("click", (event) => {
    if (event.defaultPrevented || event.button !== 0) return;
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const link = /** @type {Element} */ (event.target).closest?.("a[href]");
    if (!(link instanceof HTMLAnchorElement) || link.target || link.hasAttribute("download")) return;
    if (link.origin !== location.origin || !link.pathname.startsWith(BASE) || link.hash) return;
    event.preventDefault();
    go(link.pathname + link.search);
    scrollTo(0, 0);
  });
}
