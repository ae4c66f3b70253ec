// Who is signed in, in one of two ways behind one interface: through the product's client, or as an OAuth client.
// @ts-check
import { createTokenLedger } from "/client/token-ledger.js";
import { ApiError } from "./graphql.js";

/**
 * @typedef {object} Identity
 * @property {"session" | "client"} kind a person's session in a cookie, or a client for itself in this page alone
 * @property {string} name the subject or the client
 * @property {string | null} subject null for a client
 * @property {ReadonlySet<string>} scopes of the access token
 * @property {(refused?: string) => Promise<string | null>} getAccessToken another than the refused one; null: nobody is signed in any more
 * @property {(input: string, init: RequestInit) => Promise<Response>} fetch adds the access token
 * @property {(scope?: "THIS" | "OTHERS" | "ALL") => Promise<number>} signOut how many sessions ended
 */

/** Not signed in, and what to tell the person about it. */
export class SignInError extends Error {
  /** @param {string} message @param {{ again?: boolean }} [more] again: the same may succeed later */
  constructor(message, { again = false } = {}) {
    super(message);
    this.name = "SignInError";
    this.again = again;
  }
}

const DEFAULT_CLIENT = "web";
/** Whoever opens the page is not kept waiting longer for a server that does not answer. */
const TIMEOUT_MS = 4000;

/** Through the product's client: one for each client id, for as long as the page is open. */
export class Sessions {
  /**
   * @param {(told: { message: string }) => void} onSignedOut the session ended, here or in another tab
   * @param {() => void} onOther somebody else signed in, in another tab: who that is, `resume` tells
   */
  constructor(onSignedOut, onOther) {
    this._onSignedOut = onSignedOut;
    this._onOther = onOther;
    this._ledger = this._made(DEFAULT_CLIENT);
    this._clientId = DEFAULT_CLIENT;
  }

  /** @returns {Promise<Identity | null>} of the cookie; null: there is none, or it is worth nothing */
  async resume() {
    const token = await this._ledger.getAccessToken();
    return token === null ? null : this._identity(token);
  }

  /** @param {string} assertion @param {string} clientId empty: `web` @returns {Promise<Identity>} */
  async signIn(assertion, clientId) {
    const wanted = clientId || DEFAULT_CLIENT;
    if (wanted !== this._clientId) {
      this._ledger.close();
      this._ledger = this._made(wanted);
      this._clientId = wanted;
    }
    try {
      await this._ledger.login({ assertion, deviceLabel: "Console" });
      const token = await this._ledger.getAccessToken();
      if (token === null) throw new SignInError("The session ended at once. Sign in again.");
      return this._identity(token);
    } catch (error) {
      throw told(error);
    }
  }

  /** @param {string} clientId */
  _made(clientId) {
    const ledger = createTokenLedger({ url: "/graphql", timeoutMs: TIMEOUT_MS, clientId: clientId === DEFAULT_CLIENT ? undefined : clientId });
    ledger.onSignedOut((/** @type {{ reason: string, message: string }} */ why) => {
      if (ledger === this._ledger) this._onSignedOut({ message: why.reason === "LOGOUT" ? "" : ended(why) });
    });
    return ledger;
  }

  /** @param {string} token @returns {Identity} */
  _identity(token) {
    const ledger = this._ledger;
    const claims = claimsOf(token);
    const mustBe = (/** @type {string | undefined} */ sessionId) => {
      if (sessionId === undefined || sessionId === claims.sid) return;
      this._onOther();
      throw new ApiError("refused", "Somebody else signed in, in another tab. Nothing was done.");
    };
    const send = async (/** @type {string} */ input, /** @type {RequestInit} */ init) => {
      const next = await ledger.getAccessToken();
      mustBe(next === null ? undefined : claimsOf(next).sid);
      const answer = await ledger.fetch(input, init);
      if (answer.status === 401 && ledger.session !== null) {
        throw new ApiError("unavailable", "The service does not take the token that it has just given. Your session goes on.");
      }
      return answer;
    };
    return {
      kind: "session",
      name: claims.sub,
      subject: claims.sub,
      scopes: scopesOf(claims),
      getAccessToken: (refused) => ledger.getAccessToken({ refused }),
      fetch: send,
      signOut: async (scope = "THIS") => {
        mustBe(ledger.session?.id);
        return (await ledger.logout(scope)).revokedSessions;
      },
    };
  }
}

/**
 * A client for itself (RFC 6749 section 4.4). Its token is in this page alone; the secret is not kept.
 * @param {string} clientId @param {string} secret @returns {Promise<Identity>}
 */
export async function signInAsClient(clientId, secret) {
  let answer, body;
  try {
    answer = await fetch("/oauth/token", {
      method: "POST",
      credentials: "omit",
      headers: { authorization: `Basic ${basic(clientId, secret)}`, "content-type": "application/x-www-form-urlencoded" },
      body: "grant_type=client_credentials",
    });
    body = await answer.json();
  } catch {
    throw new SignInError("The server cannot be reached.", { again: true });
  }
  if (!answer.ok) {
    throw new SignInError(body.error_description ?? "The server refused these credentials.", { again: answer.status >= 429 });
  }
  const token = body.access_token;
  const deadline = performance.now() + body.expires_in * 1000;
  const claims = claimsOf(token);
  let here = true;
  return {
    kind: "client",
    name: clientId,
    subject: null,
    scopes: scopesOf(claims),
    getAccessToken: async (refused) => (here && refused !== token && performance.now() < deadline ? token : null),
    fetch: (input, init) => {
      if (!here) throw new ApiError("unauthenticated", "You are not signed in any more.");
      return fetch(input, { ...init, credentials: "omit", headers: { ...init.headers, authorization: `Bearer ${token}` } });
    },
    signOut: async () => {
      here = false;
      return 0;
    },
  };
}

/** RFC 6749 section 2.3.1: both form-encoded, then Basic. @param {string} clientId @param {string} secret */
function basic(clientId, secret) {
  const encode = (/** @type {string} */ text) => new URLSearchParams({ v: text }).toString().slice(2);
  return btoa(`${encode(clientId)}:${encode(secret)}`);
}

/** The claims, not verified: they only say what is worth showing. @param {string} token @returns {any} */
function claimsOf(token) {
  try {
    const payload = token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
    const bytes = Uint8Array.from(atob(payload), (character) => character.charCodeAt(0));
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    throw new SignInError("The server gave an access token that cannot be read.");
  }
}

/** @param {any} claims @returns {ReadonlySet<string>} */
const scopesOf = (claims) => new Set(typeof claims.scope === "string" ? claims.scope.split(" ") : []);

/** @param {any} error of the product's client */
function told(error) {
  if (error instanceof SignInError) return error;
  if (error?.code === "ASSERTION_INVALID") {
    return new SignInError(`${error.message} An assertion is accepted once and lives five minutes at most: get a new one.`);
  }
  return new SignInError(error?.message ?? "Signing in failed.", { again: error?.retryable === true || error?.code === "NETWORK" });
}

/** @param {{ reason: string, message: string }} why */
function ended({ reason, message }) {
  switch (reason) {
    case "REUSE_DETECTED":
      return "A replaced refresh token of this session was used again, so the session was ended. Somebody may have copied it.";
    case "SESSION_REVOKED":
      return "This session was ended.";
    case "SESSION_EXPIRED":
      return "This session has expired.";
    default:
      return message || "You are not signed in any more.";
  }
}
