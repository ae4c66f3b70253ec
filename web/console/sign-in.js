// Signing in, and coming back to where one was.
// @ts-check
import { html, useEffect, useState } from "./vendor/htm-preact.js";
import { signInAsClient } from "./identity.js";
import { Heading } from "./parts.js";

/**
 * An assertion that a link brought in its fragment, which no server sees; it is taken out of the address at once.
 * It is filled in and not sent: whoever made the link does not decide who is signed in.
 * @returns {string} empty: there is none
 */
export function takeAssertionOfLink() {
  const given = new URLSearchParams(location.hash.slice(1)).get("assertion");
  if (given !== null) history.replaceState(null, "", location.pathname + location.search);
  return given ?? "";
}

/** @param {{ sessions: import("./identity.js").Sessions, linked: string, message: string, onSignedIn: (identity: any) => void }} given */
export function SignIn({ sessions, linked, message, onSignedIn }) {
  const [way, setWay] = useState("assertion");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState("");
  useEffect(() => document.getElementById(linked ? "sign-in" : "assertion")?.focus(), []);
  const submit = async (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    const form = new FormData(/** @type {HTMLFormElement} */ (event.target));
    const value = (/** @type {string} */ name) => String(form.get(name) ?? "").trim();
    setBusy(true);
    setError("");
    try {
      onSignedIn(
        way === "assertion"
          ? await sessions.signIn(value("assertion"), value("clientId"))
          : await signInAsClient(value("clientId"), value("secret")),
      );
    } catch (failed) {
      setError(/** @type {Error} */ (failed).message);
      setBusy(false);
    }
  };
  const choice = (/** @type {string} */ name, /** @type {string} */ label) => html`<label class="choice">
    <input type="radio" name="way" value=${name} checked=${way === name} onChange=${() => (setWay(name), setError(""))} /> ${label}</label>`;
  return html`<div class="sign-in">
    <${Heading} title="Sign in" />
    ${message && html`<p class="state failure" role="alert">${message}</p>`}
    <form class="panel" onSubmit=${submit}>
      <fieldset class="choices"><legend>Who signs in</legend>
        ${choice("assertion", "A person, with an assertion")}${choice("client", "A client, with its credentials")}
      </fieldset>
      ${way === "assertion"
        ? html`<div class="field"><label for="assertion">Assertion</label>
              <textarea id="assertion" name="assertion" rows="5" required class="mono" autocomplete="off" spellcheck=${false} aria-describedby="assertion-help" defaultValue=${linked}></textarea>
              <p id="assertion-help" class="muted">The signed JWT of your identity provider. It is accepted once.
                In development <code>token-ledger assertion --subject ada --claim scope=audit:read</code> prints one.</p></div>
            <div class="field"><label for="client-id">Client id <span class="muted">(default: web)</span></label>
              <input id="client-id" name="clientId" autocomplete="off" autocapitalize="off" spellcheck=${false} /></div>
            <p class="muted">You stay signed in on this browser until you sign out: the refresh token is in a cookie that no script sees.</p>`
        : html`<div class="field"><label for="client-id">Client id</label>
              <input id="client-id" name="clientId" required autocomplete="username" autocapitalize="off" spellcheck=${false} /></div>
            <div class="field"><label for="secret">Client secret</label>
              <input id="secret" name="secret" type="password" required autocomplete="current-password" /></div>
            <p class="muted">The access token is kept in this page alone: after a reload, and when it expires, you sign in again. The secret is not kept.</p>`}
      ${error && html`<p class="state failure" role="alert">${error}</p>`}
      <div class="buttons"><button type="submit" id="sign-in" class="primary" disabled=${busy}>${busy ? "Signing in…" : "Sign in"}</button></div>
    </form>
  </div>`;
}
