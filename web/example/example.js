// @ts-check
/**
 * A frontend that signs in, calls the API and signs out, and shows what the browser client does meanwhile.
 */

import { createTokenLedger } from "/client/token-ledger.js";

/** A link of the demo brings an assertion in its fragment, which no server sees. It is taken out at once. */
const linked = new URLSearchParams(location.hash.slice(1)).get("assertion");
if (linked !== null) history.replaceState(null, "", location.pathname + location.search);

/** @param {string} id */
const element = (id) => /** @type {HTMLElement} */ (document.getElementById(id));
const form = /** @type {HTMLFormElement} */ (element("signed-out"));
const field = /** @type {HTMLTextAreaElement} */ (element("assertion"));

const counts = { refreshes: 0, adoptions: 0 };

const ledger = createTokenLedger({
  deviceLabel: "Example",
  /** The global one, counting the answers to refreshes. */
  fetch: async (input, init) => {
    const answer = await fetch(input, init);
    if (String(init?.body).includes('"mutation Refresh')) counts.refreshes += 1;
    return answer;
  },
});

/** The token that is shown, and how many refreshes this tab had made by then. @type {string | null} */
let shown = null;
let refreshesUntilShown = 0;

ledger.onSignedOut(({ reason, message, endedReason }) => {
  const why = [reason, endedReason].filter((one, index, all) => one && all.indexOf(one) === index).join(", ");
  say(`Signed out: ${why}. ${message}`);
  element("why").textContent = reason === "LOGOUT" ? "Signed out." : `The session has ended: ${why}.`;
  show();
});

form.addEventListener("submit", (event) => {
  event.preventDefault();
  busy(form, () => signIn(field.value.trim()));
});
on("call", call);
on("burst", () => burst(10));
on("sign-out", () => signOut("THIS"));
on("sign-out-all", () => signOut("ALL"));
setInterval(show, 250); // the client has no event for a token that another tab has brought

await (linked === null ? ledger.getAccessToken().catch(tell) : signIn(linked));
show();

/** @param {string} assertion */
async function signIn(assertion) {
  try {
    const session = await ledger.login(assertion);
    form.reset();
    element("why").textContent = "";
    shown = ledger.accessToken;
    refreshesUntilShown = counts.refreshes;
    say(`Signed in as ${session.subject}.`);
  } catch (error) {
    tell(error);
    element("why").textContent = messageOf(error);
  }
  show();
}

async function call() {
  try {
    const answer = await ledger.fetch("/graphql", {
      method: "POST",
      headers: { "Content-Type": "application/json", Accept: "application/graphql-response+json" },
      body: JSON.stringify({ query: "query Me { me { id sessions(status: ACTIVE) { edges { node { id } } } } }" }),
    });
    const { data, errors } = await answer.json();
    if (data) say(`The API answered: ${data.me.id} has ${counted(data.me.sessions.edges.length, "active session")}.`);
    else say(`The API refused (${answer.status}): ${errors?.[0]?.message ?? "without a reason"}`);
  } catch (error) {
    tell(error);
  }
}

/** As after a token was refused by many answers at once: whoever says so first has it refreshed. @param {number} times */
async function burst(times) {
  const refused = ledger.accessToken ?? undefined;
  const before = counts.refreshes;
  try {
    await Promise.all(Array.from({ length: times }, () => ledger.getAccessToken({ refused })));
    show();
    say(`The token was refused ${times} times; this tab refreshed ${counted(counts.refreshes - before, "time")}.`);
  } catch (error) {
    tell(error);
  }
}

/** @param {"THIS" | "ALL"} scope */
async function signOut(scope) {
  try {
    const { revokedSessions } = await ledger.logout(scope);
    say(`${counted(revokedSessions, "session")} ended.`);
  } catch (error) {
    tell(error);
  }
}

/** Show who is signed in, and how the token that is held was come by. */
function show() {
  const { session, accessToken } = ledger;
  form.hidden = session !== null;
  element("signed-in").hidden = session === null;
  if (session === null) {
    shown = null;
    return;
  }
  if (accessToken !== null && accessToken !== shown) {
    if (counts.refreshes === refreshesUntilShown) {
      counts.adoptions += 1;
      say("Another tab brought a token.");
    } else {
      say("This tab refreshed.");
    }
    shown = accessToken;
    refreshesUntilShown = counts.refreshes;
  }
  element("who").textContent = session.subject;
  element("session").textContent = session.id;
  element("token").textContent = accessToken === null ? "none that is good" : `…${accessToken.slice(-12)}`;
  element("until").textContent = session.accessTokenExpiresAt;
  element("refreshes").textContent = String(counts.refreshes);
  element("adoptions").textContent = String(counts.adoptions);
}

/** @param {string} id @param {() => Promise<void>} act */
function on(id, act) {
  const button = /** @type {HTMLButtonElement} */ (element(id));
  button.addEventListener("click", () => busy(button, act));
}

/** Do something; until it is done it cannot be asked for again. @param {HTMLElement} within @param {() => Promise<void>} act */
async function busy(within, act) {
  const buttons = within.matches("button") ? [within] : [...within.querySelectorAll("button")];
  for (const button of buttons) /** @type {HTMLButtonElement} */ (button).disabled = true;
  await act();
  for (const button of buttons) /** @type {HTMLButtonElement} */ (button).disabled = false;
  show();
}

/** @param {unknown} error */
function tell(error) {
  say(messageOf(error));
}

/** @param {any} error */
function messageOf(error) {
  return error?.code ? `${error.code}: ${error.message}` : String(error);
}

/** @param {number} count @param {string} noun */
function counted(count, noun) {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

/** @param {string} text */
function say(text) {
  const entry = document.createElement("li");
  const time = document.createElement("time");
  time.textContent = new Date().toLocaleTimeString();
  entry.append(time, text);
  element("log").prepend(entry);
}
