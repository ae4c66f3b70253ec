// The frame of the page: who is signed in, the navigation, and the view of the place.
// @ts-check
import { html, useCallback, useEffect, useMemo, useRef, useState } from "./vendor/htm-preact.js";
import { AppContext } from "./app-context.js";
import { ApiError, asking, passes } from "./graphql.js";
import { Sessions } from "./identity.js";
import { Empty, Failure, Heading, Loading } from "./parts.js";
import { go, href, usePlace } from "./route.js";
import { keepSetting, setting } from "./settings.js";
import { SignIn, takeAssertionOfLink } from "./sign-in.js";
import { zoneName } from "./time.js";
import { isFor, startOf, VIEWS } from "./views/index.js";

/** @typedef {{ is: "starting" } | { is: "lost", error: Error } | { is: "out", message: string } | { is: "in", identity: import("./identity.js").Identity }} Who */

export function App() {
  const [who, setWho] = useState(/** @type {Who} */ ({ is: "starting" }));
  const [zone, setZone] = useState(/** @type {import("./time.js").Zone} */ (setting("zone") === "utc" ? "utc" : "local"));
  const [announced, announce] = useState("");
  const [linked, setLinked] = useState(takeAssertionOfLink);
  const place = usePlace();

  /** The first reason stays: what fails afterwards only follows from it. */
  const signedOut = useCallback((/** @type {string} */ message) => setWho((before) => (before.is === "out" ? before : { is: "out", message })), []);
  const sessions = useMemo(
    () =>
      new Sessions(
        ({ message }) => setWho((before) => (before.is === "in" && before.identity.kind === "client" ? before : { is: "out", message })),
        () => resume(),
      ),
    [],
  );
  const resume = useCallback(async () => {
    setWho({ is: "starting" });
    try {
      const identity = await sessions.resume();
      setWho(identity === null ? { is: "out", message: "" } : { is: "in", identity });
    } catch (error) {
      // Who was refused and not merely not heard can still sign in as somebody else.
      setWho(passes(error) ? { is: "lost", error: /** @type {Error} */ (error) } : { is: "out", message: /** @type {Error} */ (error).message });
    }
  }, []);
  useEffect(() => {
    resume();
    // A link to the page that is open already changes the fragment alone.
    const followed = () => setLinked((before) => takeAssertionOfLink() || before);
    addEventListener("hashchange", followed);
    return () => removeEventListener("hashchange", followed);
  }, []);

  const identity = who.is === "in" ? who.identity : null;
  const ask = useMemo(() => identity && asking((input, init) => identity.fetch(input, init)), [identity]);
  const chooseZone = () => {
    const next = zone === "utc" ? "local" : "utc";
    keepSetting("zone", next);
    setZone(next);
  };

  const app = {
    identity,
    ask,
    may: (/** @type {string} */ scope) => identity?.scopes.has(scope) ?? false,
    zone,
    signedOut,
    announce,
  };
  const signedIn = (/** @type {import("./identity.js").Identity} */ next) => {
    setLinked("");
    setWho({ is: "in", identity: next });
    announce(`Signed in as ${next.name}`);
  };
  const signOut = async () => {
    await identity?.signOut();
    signedOut("");
  };
  return html`<${AppContext.Provider} value=${app}>
    <a class="skip" href="#main">Skip to the content</a>
    <${TopBar} identity=${identity} zone=${zone} chooseZone=${chooseZone} signOut=${signOut} />
    <div class=${identity ? "frame" : "frame alone"}>
      ${identity && html`<${Navigation} identity=${identity} current=${place.view} />`}
      <main id="main" tabindex="-1">
        ${who.is === "starting" && html`<${Loading} what="Looking who is signed in" />`}
        ${who.is === "lost" && html`<${LostAtStart} retry=${resume} />`}
        ${who.is === "out" && html`<${SignIn} key=${linked} sessions=${sessions} linked=${linked} message=${who.message} onSignedIn=${signedIn} />`}
        ${identity && linked && html`<${LinkBrought} name=${identity.name} use=${() => signedOut("")} leave=${() => setLinked("")} />`}
        ${identity && html`<${Shown} place=${place} identity=${identity} />`}
      </main>
    </div>
    <p class="unseen" role="status" aria-live="polite">${announced}</p>
  <//>`;
}

/** @param {{ retry: () => void }} given */
function LostAtStart({ retry }) {
  const error = useMemo(() => ({ kind: "lost", message: "The server cannot be reached.", passes: true, retryAfterSeconds: 2, requestId: null }), []);
  return html`<${Heading} title="Token Ledger" /><${Failure} error=${error} retry=${retry} />`;
}

/** A link with an assertion was followed by somebody who is signed in already. @param {{ name: string, use: () => void, leave: () => void }} given */
const LinkBrought = ({ name, use, leave }) => html`<div class="state notice"><p>You are signed in as <span class="strong">${name}</span>. The link that you followed holds an assertion to sign in with.</p>
  <div class="buttons"><button type="button" onClick=${use}>Sign in with it…</button><button type="button" onClick=${leave}>Stay</button></div></div>`;

/** The view of the place; where it shows nothing to this person, what does. @param {{ place: import("./route.js").Place, identity: import("./identity.js").Identity }} given */
function Shown({ place, identity }) {
  const view = VIEWS.find((one) => one.path === place.view);
  const first = useRef(true);
  const allowed = view !== undefined && isFor(view, identity);
  useEffect(() => {
    if (place.view === "" && !allowed) go(href(startOf(identity).path), { replace: true });
  }, [place.view, allowed]);
  useEffect(() => {
    if (!first.current) document.getElementById("view-heading")?.focus({ preventScroll: true });
    first.current = false;
  }, [place.view]);
  if (view === undefined) {
    return html`<${Heading} title="Nothing here" /><${Empty} title="There is no such page."><p><a href=${href("")}>To the overview</a></p><//>`;
  }
  if (!allowed) {
    if (place.view === "") return null;
    return html`<${Heading} title=${view.title ?? "Not allowed"} /><${Empty} title="This is not shown to you.">
      <p>${view.ownSession ? "A client that signed in with its credentials has no sessions of its own." : `It needs an access token with the scope ${view.scopes.join(" or ")}.`}</p>
      <p><a href=${href(startOf(identity).path)}>To what is shown to you</a></p><//>`;
  }
  return html`<${view.component} key=${view.path} query=${place.query} />`;
}

/** @param {any} given */
function TopBar({ identity, zone, chooseZone, signOut }) {
  const [error, setError] = useState("");
  const leave = async () => {
    try {
      setError("");
      await signOut();
    } catch (failed) {
      setError(failed instanceof ApiError ? failed.message : "The server cannot be reached: you are still signed in.");
    }
  };
  return html`<header class="top">
    <a class="brand" href=${href("")}><img src="/console/icon.svg" alt="" width="24" height="24" /> Token Ledger</a>
    <div class="tools">
      <button type="button" class="small" onClick=${chooseZone}>
        ${zone === "utc" ? "UTC" : html`Local<span class="offset">\u00a0${zoneName("local")}</span>`}<span class="unseen"> times are shown; change</span>
      </button>
      <${Theme} />
      ${identity && html`<span class="who" title=${[...identity.scopes].join(" ") || "no scopes"}>${identity.kind === "client" ? "client " : ""}${identity.name}</span>
        <button type="button" class="small" onClick=${leave}>Sign out</button>`}
    </div>
    ${error && html`<p class="top-error" role="alert">${error}</p>`}
  </header>`;
}

function Theme() {
  const systemDark = matchMedia("(prefers-color-scheme: dark)");
  const [theme, setTheme] = useState(document.documentElement.dataset.theme ?? (systemDark.matches ? "dark" : "light"));
  useEffect(() => {
    const changed = () => {
      if (setting("theme") === null) setTheme(systemDark.matches ? "dark" : "light");
    };
    systemDark.addEventListener("change", changed);
    return () => systemDark.removeEventListener("change", changed);
  }, []);
  const change = () => {
    const next = theme === "dark" ? "light" : "dark";
    keepSetting("theme", next);
    document.documentElement.dataset.theme = next;
    setTheme(next);
    dispatchEvent(new Event("theme"));
  };
  return html`<button type="button" class="small" onClick=${change}>${theme === "dark" ? "Light" : "Dark"}<span class="unseen"> colours</span></button>`;
}

/** @param {{ identity: import("./identity.js").Identity, current: string }} given */
function Navigation({ identity, current }) {
  const [open, setOpen] = useState(false);
  useEffect(() => setOpen(false), [current]);
  const shown = VIEWS.filter((view) => view.title && isFor(view, identity));
  const under = /** @type {Record<string, string>} */ ({ session: "sessions", event: "events" })[current] ?? current;
  const here = shown.find((view) => view.path === under)?.title ?? "Menu";
  return html`<nav class=${open ? "side open" : "side"} aria-label="Views">
    <button type="button" class="menu" aria-expanded=${open} aria-controls="views" onClick=${() => setOpen(!open)}>${here}</button>
    <ul id="views">
      ${shown.map((view) => html`<li><a href=${href(view.path)} aria-current=${view.path === current ? "page" : view.path === under ? "true" : undefined}>${view.title}</a></li>`)}
    </ul>
  </nav>`;
}
