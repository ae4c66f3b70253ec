// Ending every session that matches: counted first, then confirmed, then step by step.
// @ts-check
import { html, useEffect, useRef, useState } from "../vendor/htm-preact.js";
import { useApp } from "../app-context.js";
import { useAct } from "../asking.js";
import { filled, FilterForm, filterInput, SESSION_FIELDS } from "../filters.js";
import { REVOKE_ALL } from "../operations.js";
import { Empty, Failure, Heading, Loading } from "../parts.js";
import { go, href } from "../route.js";
import { SessionTable } from "../rows.js";
import { AUDIT } from "../scopes.js";

/** @param {{ query: URLSearchParams }} given */
export function Revoke({ query }) {
  const values = filled(query, SESSION_FIELDS);
  const key = JSON.stringify(values);
  return html`<${Heading} title="Bulk revocation" />
    <p class="lead">First it is only counted which sessions match. Nothing ends before you confirm it.</p>
    <${FilterForm} fields=${SESSION_FIELDS} values=${values} label="Sessions to end" action="Count" onApply=${(/** @type {any} */ next) => go(href("revoke", next))} />
    ${Object.keys(values).length === 0 ? html`<${Empty} title="Fill in at least one field." />` : html`<${Counted} key=${key} filter=${filterInput(values, SESSION_FIELDS)} />`}`;
}

/** @param {{ filter: object }} given */
function Counted({ filter }) {
  const { busy, error, run } = useAct();
  const [counted, setCounted] = useState(/** @type {any} */ (null));
  const count = async () => {
    setCounted(null);
    setCounted(await run(REVOKE_ALL, { filter, reason: "dry run", dryRun: true }, "revokeSessions"));
  };
  useEffect(() => {
    count();
  }, []);
  if (busy) return html`<${Loading} what="Counting" />`;
  if (error) return html`<${Failure} error=${error} retry=${count} />`;
  if (counted === null) return null;
  if (counted.matched === 0) return html`<${Empty} title="No living session matches."><p>There is nothing to end.</p><//>`;
  return html`<section class="part"><h2>${sessions(counted.matched)} would end</h2>
      <${SessionTable} sessions=${counted.sample} label="Some of the sessions that would end" />
      ${counted.matched > counted.sample.length && html`<p class="muted">These are ${counted.sample.length} of them.</p>`}</section>
    <${Run} filter=${filter} matched=${counted.matched} countAgain=${count} />`;
}

/** @param {{ filter: object, matched: number, countAgain: () => void }} given */
function Run({ filter, matched, countAgain }) {
  const { announce, may } = useApp();
  const { busy, error, run } = useAct();
  const [reason, setReason] = useState("");
  const [typed, setTyped] = useState("");
  const [revoked, setRevoked] = useState(0);
  const [remaining, setRemaining] = useState(/** @type {number | null} */ (null));
  const [stopped, setStopped] = useState(false);
  const stop = useRef(false);
  useEffect(() => () => {
    stop.current = true;
  }, []);

  const start = async () => {
    stop.current = false;
    setStopped(false);
    let [done, expected] = [revoked, remaining ?? matched];
    for (;;) {
      const step = await run(REVOKE_ALL, { filter, reason, dryRun: false, expectAtMost: expected }, "revokeSessions");
      if (step === null) return;
      done += step.revoked;
      expected = step.remaining;
      setRevoked(done);
      setRemaining(expected);
      if (expected === 0) {
        announce(`${sessions(done)} ended`);
        return;
      }
      if (stop.current) {
        setStopped(true);
        return;
      }
    }
  };
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    start();
  };
  const begun = remaining !== null;
  if (remaining === 0) {
    return html`<div class="state done" role="status"><p class="state-title">${sessions(revoked)} ended</p>
      <p>Each has an event of its own, and each step of the run has one. ${may(AUDIT) && html`<a href=${href("events", { types: "BULK_REVOCATION_EXECUTED" })}>Look at them</a>`}</p></div>`;
  }
  const progress = begun || busy;
  return html`<form class="panel danger-zone" onSubmit=${submit} aria-label="Confirm the revocation">
    <h2>End them</h2>
    <div class="field"><label for="reason">Reason</label>
      <input id="reason" required maxlength="500" autocomplete="off" value=${reason} disabled=${progress} onInput=${(/** @type {any} */ event) => setReason(event.target.value)} /></div>
    ${!progress && html`<div class="field"><label for="typed">Type ${matched} to confirm</label>
      <input id="typed" inputmode="numeric" autocomplete="off" value=${typed} onInput=${(/** @type {any} */ event) => setTyped(event.target.value)} /></div>`}
    ${progress && html`<div class="field" role="status"><label for="progress">${revoked.toLocaleString("en")} of ${matched.toLocaleString("en")} ended</label>
      <progress id="progress" max=${matched} value=${revoked}></progress></div>`}
    ${error && html`<${Failure} error=${error} />`}
    <div class="buttons">
      ${busy
        ? html`<button type="button" onClick=${() => { stop.current = true; }}>Stop after this step</button>`
        : html`<button type="submit" class="danger" disabled=${!reason.trim() || (!begun && typed.trim() !== String(matched))}>
            ${begun || error ? `Go on${stopped ? " (stopped)" : ""}` : `End ${sessions(matched)}`}</button>
          <button type="button" onClick=${countAgain}>Count again</button>`}
    </div>
  </form>`;
}

/** @param {number} count */
const sessions = (count) => `${count.toLocaleString("en")} ${count === 1 ? "session" : "sessions"}`;
