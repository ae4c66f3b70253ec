// The log's checkpoint, and the proof that an event is in it, verified by this page itself.
// @ts-check
import { html, useEffect, useState } from "../vendor/htm-preact.js";
import { useApp } from "../app-context.js";
import { useAsked } from "../asking.js";
import { canHash } from "../merkle.js";
import { CHECKPOINT, PROOF } from "../operations.js";
import { BothTimes, Copy, Empty, EventType, Facts, Failure, Heading, Loading } from "../parts.js";
import { verifyProof } from "../proof.js";
import { go, href } from "../route.js";
import { AUDIT } from "../scopes.js";
import { keepSetting, setting } from "../settings.js";

/** @param {{ query: URLSearchParams }} given */
export function Log({ query }) {
  const { may } = useApp();
  const event = query.get("event") ?? "";
  const find = (/** @type {SubmitEvent} */ submitted) => {
    submitted.preventDefault();
    const given = String(new FormData(/** @type {HTMLFormElement} */ (submitted.target)).get("event") ?? "").trim();
    go(href("log", { event: given }));
  };
  return html`<${Heading} title="Checkpoint and proof" />
    <p class="lead">Every event has a place in one log. The server signs the log's root; this page computes by itself, in your browser, whether an event leads to it.</p>
    <${LatestCheckpoint} />
    <section class="part"><h2>Is an event in the log?</h2>
      <form class="find wide" onSubmit=${find}><label for="event-id">Event id</label>
        <input id="event-id" name="event" key=${event} defaultValue=${event} class="mono" placeholder="<stream id>:<version>" required autocomplete="off" spellcheck=${false} />
        <button type="submit" class="primary">Verify</button></form>
      ${event ? html`<${Proof} key=${event} id=${event} />` : html`<p class="muted">Its id stands on the page of each event${may(AUDIT) && html`; <a href=${href("events")}>find one in the event log</a>`}.</p>`}
    </section>`;
}

function LatestCheckpoint() {
  const { data, error, loading, reload } = useAsked(CHECKPOINT);
  const checkpoint = data?.checkpoint;
  return html`<section class="panel"><header class="part-head"><h2>Latest checkpoint</h2><button type="button" class="small" onClick=${reload}>Refresh</button></header>
    ${error && html`<${Failure} error=${error} retry=${reload} />`}
    ${loading && !checkpoint && html`<${Loading} />`}
    ${data && !checkpoint && html`<${Empty} title="Nothing is sealed yet." />`}
    ${checkpoint && html`<${Facts} rows=${[
        ["Origin", html`<span class="wrap">${checkpoint.origin}</span>`],
        ["Events", checkpoint.treeSize.toLocaleString("en")],
        ["Root", html`<span class="mono wrap">${checkpoint.rootHash}</span>`],
        ["Signed", html`<${BothTimes} at=${checkpoint.signedAt} />`],
      ]} />
      <details><summary>The signed note</summary><pre class="wrapped" tabindex="0">${checkpoint.note}</pre><${Copy} text=${checkpoint.note} label="the note" /></details>`}
  </section>`;
}

/** @param {{ id: string }} given */
function Proof({ id }) {
  const { data, error, loading, reload } = useAsked(PROOF, { id });
  const [key, setKey] = useState(setting("verifier-key") ?? "");
  const [leaf, setLeaf] = useState(/** @type {string | null} */ (null));
  const [result, setResult] = useState(/** @type {import("../proof.js").Verified | null} */ (null));
  const event = data?.node?.__typename === "Event" ? data.node : null;
  const proof = data?.inclusionProof ?? null;
  const text = leaf ?? event?.leaf ?? "";
  useEffect(() => {
    if (!event || !proof || !canHash()) return undefined;
    let current = true;
    verifyProof({ id, leaf: text, event, proof, verifierKey: key }).then((verified) => current && setResult(verified));
    return () => {
      current = false;
    };
  }, [id, event, proof, text, key]);
  const changeKey = (/** @type {any} */ changed) => {
    setKey(changed.target.value);
    keepSetting("verifier-key", changed.target.value.trim() || null);
  };
  if (error) return html`<${Failure} error=${error} retry=${reload} />`;
  if (loading && !data) return html`<${Loading} what="Loading the proof" />`;
  if (!event) return html`<${Empty} title="There is no such event, or it is not shown to you." />`;
  if (!proof) return html`<${Empty} title="The event is not sealed yet."><button type="button" onClick=${reload}>Try again</button><//>`;
  if (!canHash()) {
    return html`<div class="state failure" role="alert"><p class="state-title">Not verified</p><p>This browser lets pages compute hashes over https and on this machine alone. Open the console so, or verify with <code>token-ledger verify-export</code>.</p></div>`;
  }
  return html`<p><${EventType} type=${event.type} /> at log index <span class="strong">${proof.leafIndex.toLocaleString("en")}</span> of ${proof.treeSize.toLocaleString("en")} · <a href=${href("event", { id })}>the event</a></p>
    ${result && html`<${Verdict} result=${result} changed=${leaf !== null && leaf !== event.leaf} />`}
    <div class="field"><label for="verifier-key">The log's verifier key <span class="muted">(from <code>token-ledger keys list</code>, got from the operator in another way than this page)</span></label>
      <input id="verifier-key" class="mono" value=${key} onInput=${changeKey} placeholder="<name>+<key id>+<base64>" autocomplete="off" spellcheck=${false} /></div>
    ${result && html`<ol class="steps">${result.steps.map((step, number) => html`<${StepRow} key=${number} step=${step} />`)}</ol>`}
    <section class="panel"><h3><label for="leaf">The leaf</label></h3>
      <p class="muted" id="leaf-help">Change a character, and the proof fails.</p>
      <textarea id="leaf" class="mono" rows="6" aria-describedby="leaf-help" spellcheck=${false} value=${text} onInput=${(/** @type {any} */ changed) => setLeaf(changed.target.value)}></textarea>
      <div class="buttons"><button type="button" onClick=${() => setLeaf(null)} disabled=${leaf === null || leaf === event.leaf}>As it was</button><${Copy} text=${text} label="the leaf" /></div>
    </section>`;
}

/** @param {{ result: import("../proof.js").Verified, changed: boolean }} given */
function Verdict({ result, changed }) {
  const { included, signature } = result;
  const [tone, title] = !included
    ? ["failure", changed ? "The changed leaf is not in the log" : "The event is NOT proved to be in the log"]
    : signature === "good"
      ? ["done", "The event is in the log, and the root is signed by this key"]
      : signature === "not by this key"
        ? ["failure", "The event leads to the root, but this key has not signed it"]
        : signature === "bad"
        ? ["failure", "The event leads to the root, but the signature is wrong"]
        : ["partly", "The event is in the log that this checkpoint describes"];
  return html`<div class=${`state ${tone}`} role="status"><p class="state-title">${title}</p>
    ${included && signature === "unchecked" && html`<p>The signature was not checked: give the log's verifier key below.</p>`}
    ${included && signature === "unknown here" && html`<p>The signature was not checked: this browser knows no Ed25519.</p>`}
    ${!included && html`<p>${result.steps.find((step) => step.good === false)?.text}</p>`}</div>`;
}

/** @param {{ step: import("../proof.js").ProofStep }} given */
const StepRow = ({ step }) => html`<li class=${step.good === false ? "wrong" : step.good ? "right" : "open"}>
  <span class="step-mark" aria-hidden="true">${step.good === false ? "✗" : step.good ? "✓" : "–"}</span>
  <div><p><span class="unseen">${step.good === false ? "Wrong: " : step.good ? "Right: " : "Not checked: "}</span>${step.text}</p>
    ${step.hash && html`<p class="mono wrap muted">${step.hash}</p>`}
    ${step.climbed && html`<details><summary>${step.climbed.length} levels</summary><ol class="climb">${step.climbed.map((level) => html`<li>
      <span class="muted">with its sibling on the ${level.side}</span> <span class="mono wrap">${level.sibling}</span> <span class="muted">gives</span> <span class="mono wrap">${level.result}</span></li>`)}</ol></details>`}
  </div></li>`;
