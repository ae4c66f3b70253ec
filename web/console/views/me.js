// A person's own sessions: where one is signed in, and signing out there.
// @ts-check
import { html, useEffect, useRef, useState } from "../vendor/htm-preact.js";
import { useApp } from "../app-context.js";
import { useAct, usePages } from "../asking.js";
import { agentLabel } from "../agent.js";
import { ME, RENAME, REVOKE } from "../operations.js";
import { Address, Dialog, Empty, Failure, Heading, PagesEnd, Time } from "../parts.js";
import { href } from "../route.js";

export function Me() {
  const { identity, announce, signedOut } = useApp();
  const pages = usePages(ME, {}, (data) => data.me?.sessions);
  const [asked, setAsked] = useState(/** @type {any} */ (null));
  const current = pages.rows.find((one) => one.isCurrent);
  const others = pages.rows.filter((one) => !one.isCurrent);
  const done = (/** @type {string} */ message) => {
    setAsked(null);
    announce(message);
    pages.reload();
  };
  return html`<${Heading} title="My sessions">
      <div class="segments">
        <button type="button" onClick=${() => setAsked({ scope: "OTHERS" })} disabled=${others.length === 0}>Sign out all others…</button>
        <button type="button" class="danger" onClick=${() => setAsked({ scope: "ALL" })} disabled=${pages.rows.length === 0}>Sign out everywhere…</button>
      </div>
    <//>
    <p class="lead">Where <span class="strong">${identity.name}</span> is signed in. If you do not know one of these, sign it out and tell whoever runs this service.</p>
    <ul class="devices">
      ${[...(current ? [current] : []), ...others].map((one) => html`<li key=${one.id}><${Device} session=${one}
        onRenamed=${(/** @type {any} */ renamed) => pages.change((row) => (row.id === renamed.id ? renamed : row))} onSignOut=${() => setAsked({ session: one })} /></li>`)}
    </ul>
    <${PagesEnd} pages=${pages} what="sessions" empty=${html`<${Empty} title="You have no sessions." />`} />
    ${asked?.session && html`<${SignOutOne} session=${asked.session} onClose=${() => setAsked(null)} onDone=${() => (asked.session.isCurrent ? signedOut("") : done("Signed out"))} />`}
    ${asked?.scope && html`<${SignOutMany} scope=${asked.scope} onClose=${() => setAsked(null)} onDone=${(/** @type {number} */ count) => (asked.scope === "ALL" ? signedOut("") : done(`${count} signed out`))} />`}`;
}

/** @param {{ session: any, onRenamed: (session: any) => void, onSignOut: () => void }} given */
function Device({ session, onRenamed, onSignOut }) {
  const [editing, setEditing] = useState(false);
  const { busy, error, run, clear } = useAct();
  const { announce } = useApp();
  const input = useRef(/** @type {HTMLInputElement | null} */ (null));
  useEffect(() => {
    if (editing) input.current?.select();
  }, [editing]);
  const name = session.deviceLabel || agentLabel(session.userAgent) || "A device";
  const rename = async (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    const deviceLabel = String(new FormData(/** @type {HTMLFormElement} */ (event.target)).get("label")).trim();
    const renamed = await run(RENAME, { id: session.id, deviceLabel }, "renameSession");
    if (renamed === null) return;
    announce(`Renamed to ${deviceLabel}`);
    setEditing(false);
    onRenamed(renamed);
  };
  const close = () => {
    clear();
    setEditing(false);
  };
  return html`<article class=${session.isCurrent ? "panel device current" : "panel device"} aria-label=${name}>
    <div class="device-head">
      ${editing
        ? html`<form class="find" onSubmit=${rename} onKeyDown=${(/** @type {KeyboardEvent} */ event) => event.key === "Escape" && close()}>
            <label class="unseen" for=${`label-${session.id}`}>Name of the device</label>
            <input id=${`label-${session.id}`} name="label" defaultValue=${session.deviceLabel ?? ""} required maxlength="100" autocomplete="off" ref=${input} />
            <button type="submit" class="primary" disabled=${busy}>Save</button><button type="button" onClick=${close}>Cancel</button></form>`
        : html`<h2>${name}</h2>${session.isCurrent && html`<span class="chip good">This one</span>`}`}
    </div>
    ${error && html`<${Failure} error=${error} />`}
    <dl class="facts small-facts">
      <div><dt>Browser</dt><dd>${agentLabel(session.userAgent) || "—"}</dd></div>
      <div><dt>Address</dt><dd><${Address} address=${session.ipAddress} /></dd></div>
      <div><dt>Last used</dt><dd><${Time} at=${session.lastUsedAt} /></dd></div>
      <div><dt>Signed in</dt><dd><${Time} at=${session.createdAt} /></dd></div>
      <div><dt>For</dt><dd>${session.clientId}</dd></div>
    </dl>
    <div class="buttons">
      ${!editing && html`<button type="button" class="small" onClick=${() => setEditing(true)}>Rename<span class="unseen"> ${name}</span></button>`}
      <button type="button" class="small" onClick=${onSignOut}>Sign out<span class="unseen"> ${name}</span></button>
      <a class="details-link" href=${href("session", { id: session.id })}>What happened<span class="unseen"> to ${name}</span></a>
    </div>
  </article>`;
}

/** @param {{ session: any, onClose: () => void, onDone: () => void }} given */
function SignOutOne({ session, onClose, onDone }) {
  const { identity } = useApp();
  const { busy, error, run } = useAct();
  const [failed, setFailed] = useState(/** @type {any} */ (null));
  const confirm = async () => {
    if (!session.isCurrent) {
      if ((await run(REVOKE, { id: session.id, reason: null }, "revokeSession")) !== null) onDone();
      return;
    }
    try {
      await identity.signOut("THIS");
      onDone();
    } catch (problem) {
      setFailed(asFailure(problem));
    }
  };
  return html`<${Dialog} title=${`Sign out ${session.deviceLabel || agentLabel(session.userAgent) || "this device"}?`} action="Sign out" danger=${true} busy=${busy} error=${error ?? failed} onConfirm=${confirm} onClose=${onClose}>
    <p>${session.isCurrent ? "This is the browser you are using now." : "It has to sign in again."}</p>
  <//>`;
}

/** @param {{ scope: "OTHERS" | "ALL", onClose: () => void, onDone: (count: number) => void }} given */
function SignOutMany({ scope, onClose, onDone }) {
  const { identity } = useApp();
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState(/** @type {any} */ (null));
  const confirm = async () => {
    setBusy(true);
    try {
      onDone(await identity.signOut(scope));
    } catch (problem) {
      setError(asFailure(problem));
      setBusy(false);
    }
  };
  return html`<${Dialog} title=${scope === "ALL" ? "Sign out everywhere?" : "Sign out all others?"} action="Sign out" danger=${true} busy=${busy} error=${error} onConfirm=${confirm} onClose=${onClose}>
    <p>${scope === "ALL" ? "Every device has to sign in again, this one too." : "Every device but this one has to sign in again."}</p>
  <//>`;
}

/** @param {any} problem of the product's client */
const asFailure = (problem) => ({ kind: problem?.code === "NETWORK" ? "lost" : "failed", message: problem?.message ?? "Signing out failed.", passes: false, requestId: problem?.requestId ?? null });
