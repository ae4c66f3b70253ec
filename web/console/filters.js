// Filters as they stand in the address, as a form, and as the contract takes them.
// @ts-check
import { html, useEffect, useRef, useState } from "./vendor/htm-preact.js";
import { useApp } from "./app-context.js";
import { fromField, toField, zoneName } from "./time.js";
import { EVENT_TYPES, eventLabel, SESSION_STATUSES, statusLabel } from "./words.js";

/** @typedef {{ name: string, label: string, kind: "text" | "time" | "number" | "status" | "types" | "ids" | "order", hint?: string }} Field */

/** @type {Field[]} Every field of `SessionFilter`. */
export const SESSION_FIELDS = [
  { name: "subject", label: "Subject", kind: "text" },
  { name: "status", label: "Status", kind: "status" },
  { name: "ipAddress", label: "Address or network", kind: "text", hint: "203.0.113.0/24" },
  { name: "clientId", label: "Client", kind: "text" },
  { name: "deviceLabel", label: "Device label", kind: "text" },
  { name: "createdAfter", label: "Created from", kind: "time" },
  { name: "createdBefore", label: "Created before", kind: "time" },
  { name: "lastUsedBefore", label: "Last used before", kind: "time" },
  { name: "ids", label: "Session ids", kind: "ids", hint: "one or several, with spaces between" },
];

/** @type {Field[]} Every field of `EventFilter`. */
export const EVENT_FIELDS = [
  { name: "types", label: "Event types", kind: "types" },
  { name: "subject", label: "Subject", kind: "text" },
  { name: "sessionId", label: "Session id", kind: "text" },
  { name: "ipAddress", label: "Address or network", kind: "text", hint: "203.0.113.0/24" },
  { name: "clientId", label: "Client", kind: "text" },
  { name: "actor", label: "Actor", kind: "text", hint: "subject:ada, operator, system" },
  { name: "since", label: "From", kind: "time" },
  { name: "until", label: "Until (exclusive)", kind: "time" },
  { name: "fromIndex", label: "From log index", kind: "number" },
  { name: "toIndex", label: "To log index (exclusive)", kind: "number" },
];

/** @param {URLSearchParams} query @param {Field[]} fields @returns {Record<string, string>} what is filled in */
export function filled(query, fields) {
  /** @type {Record<string, string>} */
  const values = {};
  for (const { name } of fields) {
    const value = query.get(name)?.trim();
    if (value) values[name] = value;
  }
  return values;
}

/** The input of the contract. @param {Record<string, string>} values @param {Field[]} fields */
export function filterInput(values, fields) {
  /** @type {Record<string, unknown>} */
  const filter = {};
  for (const { name, kind } of fields) {
    const value = values[name];
    if (!value) continue;
    if (kind === "types" || kind === "ids") filter[name] = value.split(/[\s,]+/).filter(Boolean);
    else if (kind === "number") filter[name] = /^\d+$/.test(value) ? Number(value) : value;
    else filter[name] = value;
  }
  return filter;
}

/**
 * A form over fields; nothing is asked for before it is applied.
 * @param {{ fields: Field[], values: Record<string, string>, onApply: (values: Record<string, string>) => void, label: string, action?: string, open?: boolean, children?: any }} given
 */
export function FilterForm({ fields, values, onApply, label, action = "Apply", children }) {
  const [draft, setDraft] = useState(values);
  const key = JSON.stringify(values);
  useEffect(() => setDraft(values), [key]);
  const set = (/** @type {string} */ name, /** @type {string} */ value) => setDraft((before) => ({ ...before, [name]: value }));
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    onApply(Object.fromEntries(fields.map(({ name }) => [name, draft[name]]).filter(([, value]) => value)));
  };
  const count = Object.keys(values).length;
  return html`<details class="filter" open=${count > 0 || matchMedia("(min-width: 800px)").matches}>
    <summary>${label}${count > 0 && html` <span class="count">${count}</span>`}</summary>
    <form onSubmit=${submit} aria-label=${label}>
      <div class="fields">
        ${fields.map((field) => html`<${FilterField} key=${field.name} field=${field} value=${draft[field.name] ?? ""} onChange=${(/** @type {string} */ value) => set(field.name, value)} />`)}
      </div>
      <div class="buttons">
        <button type="submit" class="primary">${action}</button>
        <button type="button" onClick=${() => onApply({})} disabled=${count === 0}>Clear</button>
        ${children}
      </div>
    </form>
  </details>`;
}

/** @param {{ field: Field, value: string, onChange: (value: string) => void }} given */
function FilterField({ field, value, onChange }) {
  const { zone } = useApp();
  const id = `filter-${field.name}`;
  const typed = (/** @type {any} */ event) => onChange(event.target.value);
  switch (field.kind) {
    case "status":
      return html`<div class="field"><label for=${id}>${field.label}</label>
        <select id=${id} value=${value} onChange=${typed}>
          <option value="">Any</option>
          ${SESSION_STATUSES.map((one) => html`<option value=${one}>${statusLabel(one)}</option>`)}
        </select></div>`;
    case "time":
      return html`<div class="field of-time"><label for=${id}>${field.label} <span class="muted">(${zoneName(zone)})</span></label>
        <input id=${id} type="datetime-local" step="1" value=${toField(value, zone)} onChange=${(/** @type {any} */ event) => onChange(fromField(event.target.value, zone))} /></div>`;
    case "types":
      return html`<${TypesField} value=${value} onChange=${onChange} label=${field.label} />`;
    default:
      return html`<div class=${`field of-${field.kind}`}><label for=${id}>${field.label}</label>
        <input id=${id} type="text" inputmode=${field.kind === "number" ? "numeric" : undefined} autocomplete="off" autocapitalize="off" spellcheck=${false}
          placeholder=${field.hint ?? ""} value=${value} onInput=${typed} /></div>`;
  }
}

/** @param {{ value: string, label: string, onChange: (value: string) => void }} given */
function TypesField({ value, label, onChange }) {
  const chosen = new Set(value.split(",").filter(Boolean));
  const toggle = (/** @type {string} */ type) => {
    const next = new Set(chosen);
    if (!next.delete(type)) next.add(type);
    onChange(EVENT_TYPES.filter((one) => next.has(one)).join(","));
  };
  const list = useRef(/** @type {HTMLDetailsElement | null} */ (null));
  useEffect(() => {
    const close = (/** @type {Event} */ event) => {
      const details = /** @type {HTMLDetailsElement} */ (list.current);
      if (!details.contains(/** @type {Node} */ (event.target))) details.open = false;
    };
    addEventListener("pointerdown", close);
    addEventListener("focusin", close);
    return () => {
      removeEventListener("pointerdown", close);
      removeEventListener("focusin", close);
    };
  }, []);
  const escape = (/** @type {KeyboardEvent} */ event) => {
    const details = /** @type {HTMLDetailsElement} */ (list.current);
    if (event.key !== "Escape" || !details.open) return;
    details.open = false;
    details.querySelector("summary")?.focus();
  };
  return html`<fieldset class="field types"><legend>${label}</legend>
    <details ref=${list} onKeyDown=${escape}><summary>${chosen.size === 0 ? "All types" : [...chosen].map(eventLabel).join(", ")}</summary>
      <div class="checks">
        ${EVENT_TYPES.map((type) => html`<label><input type="checkbox" name="types" value=${type} checked=${chosen.has(type)} onChange=${() => toggle(type)} /> ${eventLabel(type)}</label>`)}
      </div>
    </details>
  </fieldset>`;
}
