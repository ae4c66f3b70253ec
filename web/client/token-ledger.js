// @ts-check
/**
 * The browser client of Token Ledger: access tokens when they are asked for, one refresh for all tabs, and a
 * sign-out only when the service has said that there is no session any more.
 *
 * Three rules explain most of it. What is newer is told by the service's clock on tokens alone, and how long a
 * token is good by local clocks alone, so that a wrong local clock changes nothing. Every answer is compared with
 * what happened while it was under way, so that an old one never undoes a newer sign-in. Whatever is not an answer
 * `terminal: true` is tried again.
 *
 * @typedef {import("./token-ledger.js").AccessTokenOptions} AccessTokenOptions
 * @typedef {import("./token-ledger.js").SignedOut} SignedOut
 * @typedef {import("./token-ledger.js").Session} Session
 * @typedef {import("./token-ledger.js").TokenLedgerOptions} TokenLedgerOptions
 */

const PROBLEM = "... on AuthProblem { code message terminal retryable retryAfterMs endedReason requestId }";
const PAIR = `... on TokenPair { accessToken accessTokenExpiresAt refreshToken refreshTokenExpiresAt sessionExpiresAt }`;
const LOGIN = `mutation Login($input: LoginInput!) { login(input: $input) { ${PAIR} ${PROBLEM} } }`;
const REFRESH = `mutation Refresh($input: RefreshInput) { refresh(input: $input) { ${PAIR} ${PROBLEM} } }`;
const LOGOUT = `mutation Logout($input: LogoutInput) {
  logout(input: $input) { ... on LogoutPayload { revokedSessions } ${PROBLEM} }
}`;

const DEFAULT_TIMEOUT = 10_000;
/** Of the first tries of a refresh: an answer that hangs must be given up well inside the grace window. */
const FIRST_TRY = 4_000;
const LONGEST_TRY = 30_000;
const FIRST_PAUSE = 250;
const LONGEST_PAUSE = 30_000;
/** Whoever asks for a token ends a pause that has lasted so long. */
const LEAST_PAUSE = 1_000;
/** After a refusal that waiting may not mend, such as CSRF_FAILED, a refresh ahead of time waits so long. */
const QUIET_AFTER_REFUSAL = 30_000;
/** How long siblings have to answer a page that has just been opened, and one that knows that somebody was signed in. */
const ASKED_BY_NEW_PAGE = 100;
const ASKED = 400;
/** Without a way to hear of a sign-in elsewhere, "nobody is signed in" is believed for so long. */
const BELIEVED_SIGNED_OUT = 30_000;
/** Timers of browsers hold 31 bits. */
const LONGEST_TIMER = 0x7fff_ffff;

/** Why something was refused, or NETWORK: the service could not be reached, which says nothing of the session. */
export class TokenLedgerError extends Error {
  /** @param {{code: string, message: string, terminal?: boolean, retryable?: boolean, retryAfterMs?: number | null,
   *   requestId?: string | null, endedReason?: string | null, cause?: unknown}} facts */
  constructor(facts) {
    super(facts.message, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.name = "TokenLedgerError";
    this.code = facts.code;
    this.terminal = facts.terminal ?? false;
    this.retryable = facts.retryable ?? false;
    this.retryAfterMs = facts.retryAfterMs ?? null;
    this.requestId = facts.requestId ?? null;
    this.endedReason = facts.endedReason ?? null;
  }
}

/**
 * A client of one Token Ledger, for one signed-in user at a time.
 *
 * @param {TokenLedgerOptions} [options]
 */
export function createTokenLedger(options = {}) {
  return new TokenLedger(options);
}

/** In-process queues of those who share a storage: its token must be read, redeemed and written by one at a time. */
const queues = new WeakMap();

class TokenLedger {
  #url;
  #clientId;
  #deviceLabel;
  #storage;
  #fetch;
  #timeout;
  #refreshesAhead;
  #origins;
  #queue;
  /** Of the lock and the channel that tabs share; null where there is no browser: processes share nothing. */
  #shared;
  /** @type {BroadcastChannel | null} */
  #channel = null;

  /** @type {Held | null} */
  #held = null;
  /** Changes with whatever makes answers to older requests worthless: a sign-in, a sign-out. */
  #epoch = 0;
  /** A token that a server refused; it is not given out again. @type {string | null} */
  #refused = null;
  /** Ids of sessions that ended: late news of them is no news. @type {Set<string>} */
  #ended = new Set();
  /** Since when it is known that nobody is signed in, by cookie. @type {Moment | null} */
  #signedOutSince = null;
  /** A refresh token that could not be stored. @type {string | null} */
  #unsaved = null;
  /** A stored token that was refused for good and could not be removed. @type {string | null} */
  #spent = null;

  /** @type {Promise<string | null> | null} */
  #renewal = null;
  /** Why the running renewal has not succeeded yet. @type {TokenLedgerError | null} */
  #trouble = null;
  /** The pause before the next try. @type {{since: Moment, least: number, end: () => void} | null} */
  #pausing = null;
  /** @type {Moment | null} */
  #refusedAt = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  /** @type {Set<(signedOut: SignedOut) => void>} */
  #listeners = new Set();
  /** Called at each message of a sibling that brought a token. @type {Set<() => void>} */
  #hearing = new Set();
  #closed = false;

  /** @param {TokenLedgerOptions} options */
  constructor(options) {
    const { transport = "cookie", storage } = options;
    if (transport !== "cookie" && transport !== "body") {
      throw new TypeError(`createTokenLedger: transport is "cookie" or "body", not ${JSON.stringify(transport)}`);
    }
    if (transport === "body" && !isStorage(storage)) {
      throw new TypeError(
        'createTokenLedger: transport "body" needs a storage { get(), set(token), remove() } that keeps the refresh token',
      );
    }
    if (transport === "cookie" && storage !== undefined) {
      throw new TypeError('createTokenLedger: a storage is for transport "body"; a cookie is kept by the browser');
    }
    const timeout = options.timeoutMs ?? DEFAULT_TIMEOUT;
    if (!(timeout > 0 && timeout <= LONGEST_TIMER)) {
      throw new TypeError("createTokenLedger: timeoutMs is a number of milliseconds above zero, such as 10000");
    }
    if (typeof (options.fetch ?? globalThis.fetch) !== "function") {
      throw new TypeError("createTokenLedger: there is no fetch here; give one as the option `fetch`");
    }
    this.#url = endpoint(options.url);
    this.#clientId = options.clientId;
    this.#deviceLabel = options.deviceLabel;
    this.#storage = transport === "body" ? (storage ?? null) : null;
    this.#fetch = /** @type {typeof fetch} */ ((input, init) => (options.fetch ?? globalThis.fetch)(input, init));
    this.#timeout = timeout;
    this.#refreshesAhead = options.refreshAhead ?? true;
    this.#origins = new Set([this.#url, ...(options.allowedOrigins ?? [])].map(requiredOrigin));
    this.#queue = queueOf(this.#storage);
    this.#shared =
      typeof globalThis.location === "object"
        ? ["token-ledger", transport, this.#clientId ?? "web", options.name ?? "", this.#url].join(" ")
        : null;
    this.fetch = this.fetch.bind(this);
    this.getAccessToken = this.getAccessToken.bind(this);
    this.#openChannel();
    for (const event of AWAKENINGS) globalThis.addEventListener?.(event, this.#awaken);
  }

  get url() {
    return this.#url;
  }

  /** @returns {Session | null} */
  get session() {
    return this.#held?.session ?? null;
  }

  get accessToken() {
    return this.#good()?.token ?? null;
  }

  /** @param {string | {assertion: string, deviceLabel?: string}} given */
  async login(given) {
    const { assertion, deviceLabel = this.#deviceLabel } = typeof given === "string" ? { assertion: given } : given;
    this.#mustBeOpen();
    return this.#alone(async () => {
      const asked = now();
      const input = {
        assertion,
        transport: this.#storage ? "BODY" : "COOKIE",
        ...(this.#clientId === undefined ? {} : { clientId: this.#clientId }),
        ...(deviceLabel === undefined ? {} : { deviceLabel }),
      };
      const pair = await this.#ask("login", LOGIN, input, this.#timeout);
      const held = heldOf(pair, asked);
      try {
        await this.#store(pair.refreshToken);
      } catch (error) {
        this.#unsaved = null;
        throw asTrouble(error);
      }
      this.#epoch += 1;
      this.#hold(held);
      this.#tell({ type: "token", signedIn: true, ...told(held) });
      return held.session;
    });
  }

  /** @param {AccessTokenOptions} [options] */
  async getAccessToken({ refused, signal } = {}) {
    this.#mustBeOpen();
    if (refused !== undefined && refused === this.#held?.token) this.#refused = refused;
    const good = this.#good();
    if (good) {
      if (passed(good.dueAfter, good.asked) && this.#mayRefreshAhead()) this.#renew().catch(() => {});
      return good.token;
    }
    if (!this.#held && this.#isKnownSignedOut()) return null;
    this.#tryNow(LEAST_PAUSE);
    return this.#inTime(this.#renew(), signal);
  }

  /**
   * @param {RequestInfo | URL} input
   * @param {RequestInit} [init]
   */
  async fetch(input, init) {
    const asRequest = typeof input === "object" && "headers" in input ? input : null;
    const headers = new Headers(init?.headers ?? asRequest?.headers);
    if (!this.isAllowed(asRequest ? asRequest.url : String(input)) || headers.has("authorization")) {
      return this.#fetch(input, init);
    }
    const signal = init?.signal ?? asRequest?.signal;
    const token = await this.getAccessToken({ signal });
    if (token === null) return this.#fetch(input, init);
    const isRepeatable = !isStream(init?.body);
    const again = asRequest?.clone() ?? input;
    const answer = await this.#fetch(input, authorized(init, headers, token));
    if (!isRepeatable || !(await isUnauthenticated(answer, init?.method ?? asRequest?.method))) return answer;
    const next = await this.getAccessToken({ refused: token, signal });
    if (next === null) return answer;
    answer.body?.cancel().catch(() => {});
    return this.#fetch(again, authorized(init, headers, next));
  }

  /** @param {string} url */
  isAllowed(url) {
    const origin = originOf(url, globalThis.document?.baseURI ?? globalThis.location?.href ?? this.#url);
    return origin !== null && this.#origins.has(origin);
  }

  /** @param {"THIS" | "OTHERS" | "ALL"} [scope] */
  async logout(scope = "THIS") {
    if (!["THIS", "OTHERS", "ALL"].includes(scope)) {
      throw new TypeError(`logout: the scope is THIS, OTHERS or ALL, not ${JSON.stringify(scope)}`);
    }
    this.#mustBeOpen();
    return this.#alone(async () => {
      const refreshToken = this.#storage ? await this.#stored() : null;
      if (this.#storage && refreshToken === null && this.accessToken === null) {
        this.#end({ reason: "LOGOUT", message: "Signed out.", endedReason: null });
        return { revokedSessions: 0 };
      }
      const input = { scope, ...(refreshToken === null ? {} : { refreshToken }) };
      const payload = await this.#askToEnd(input);
      if (scope !== "OTHERS") {
        await this.#forget(refreshToken);
        this.#end({ reason: "LOGOUT", message: "Signed out.", endedReason: "LOGOUT" });
      }
      return { revokedSessions: payload.revokedSessions };
    });
  }

  /** @param {(signedOut: SignedOut) => void} listener */
  onSignedOut(listener) {
    const own = (/** @type {SignedOut} */ signedOut) => listener(signedOut);
    this.#listeners.add(own);
    return () => void this.#listeners.delete(own);
  }

  close() {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#pausing?.end();
    this.#channel?.close();
    this.#channel = null;
    this.#listeners.clear();
    for (const event of AWAKENINGS) globalThis.removeEventListener?.(event, this.#awaken);
  }

  // ------------------------------------------------------------------ what is held

  /** The token that may be given out, or null. */
  #good() {
    const held = this.#held;
    if (held === null || held.token === this.#refused || passed(held.goodFor, held.asked)) return null;
    return held;
  }

  #isKnownSignedOut() {
    if (this.#storage || this.#signedOutSince === null) return false;
    return this.#channel !== null || !passed(BELIEVED_SIGNED_OUT, this.#signedOutSince);
  }

  /** @param {Held} held */
  #hold(held) {
    this.#held = held;
    this.#signedOutSince = null;
    this.#refusedAt = null;
    this.#trouble = null;
    this.#pausing?.end();
    this.#arm();
  }

  /**
   * Take over what a sibling holds, where it is newer.
   *
   * @param {Held} heard
   * @param {boolean} signedIn it comes of a sign-in and not of a refresh
   */
  #adopt(heard, signedIn) {
    const held = this.#held;
    if (this.#ended.has(heard.session.id) || heard.token === this.#refused) return;
    if (held !== null) {
      if (heard.token === held.token || heard.issuedAt < held.issuedAt) return;
      if (heard.issuedAt === held.issuedAt) {
        const isSameSession = heard.session.id === held.session.id;
        if (isSameSession ? isOlder(heard, held) : !signedIn) return;
      }
    }
    if (held?.session.id !== heard.session.id) {
      this.#epoch += 1;
      this.#unsaved = null;
    }
    this.#hold(heard);
    for (const hear of this.#hearing) hear();
  }

  /** Nobody is signed in any more; who was is told why. @param {SignedOut} signedOut */
  #end(signedOut) {
    const held = this.#held;
    this.#forgetHeld();
    if (held === null) return;
    this.#ended.add(held.session.id);
    this.#tell({ type: "signedOut", sessionId: held.session.id, signedOut });
    this.#notify(signedOut);
  }

  #forgetHeld() {
    this.#epoch += 1;
    this.#held = null;
    this.#refused = null;
    this.#unsaved = null;
    this.#signedOutSince = now();
    clearTimeout(this.#timer);
  }

  /** @param {SignedOut} signedOut */
  #notify(signedOut) {
    for (const listener of [...this.#listeners]) {
      try {
        listener(signedOut);
      } catch (error) {
        setTimeout(() => {
          throw error; // the listener's own fault is reported as one, and stops nothing here
        });
      }
    }
  }

  // ------------------------------------------------------------------ refreshing

  /** The one refresh of this tab that is under way, begun if there is none. Null: nobody is signed in. */
  #renew() {
    this.#renewal ??= this.#tryUntilTold().finally(() => {
      this.#renewal = null;
      this.#trouble = null;
    });
    return this.#renewal;
  }

  async #tryUntilTold() {
    const stale = this.#held?.token ?? null;
    for (let failures = 0; ; failures += 1) {
      try {
        const longest = Math.min(LONGEST_TRY, FIRST_TRY * 2 ** Math.max(0, failures - 1));
        return await this.#alone((hadToWait) => this.#refresh(stale, hadToWait, longest));
      } catch (error) {
        const trouble = asTrouble(error);
        this.#mustBeOpen();
        if (trouble.code !== "NETWORK" && trouble.code !== "RATE_LIMITED") {
          this.#refusedAt = now();
          this.#arm();
          throw trouble;
        }
        this.#trouble = trouble;
        const pause = Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** failures) * (0.75 + Math.random() / 2);
        await this.#pause(pause, trouble.retryAfterMs ?? 0);
        this.#mustBeOpen();
        const newer = this.#newerThan(stale);
        if (newer !== null) return newer;
        if (this.#isKnownSignedOut()) return null;
      }
    }
  }

  /**
   * @param {string | null} stale the token that is to be replaced
   * @param {boolean} hadToWait somebody else was at it until now
   * @param {number} longest milliseconds
   * @returns {Promise<string | null>}
   */
  async #refresh(stale, hadToWait, longest) {
    this.#mustBeOpen();
    const presented = this.#storage ? await this.#stored() : null;
    if (this.#storage && presented === null) {
      this.#end({ reason: "TOKEN_MISSING", message: "The storage holds no refresh token.", endedReason: null });
      return null;
    }
    if (this.#newerThan(stale) === null && (hadToWait || this.#good() === null)) {
      await this.#askSiblings(hadToWait || this.#held ? ASKED : ASKED_BY_NEW_PAGE);
    }
    const newer = this.#newerThan(stale);
    if (newer !== null) return newer;

    const epoch = this.#epoch;
    const asked = now();
    const input = {
      ...(presented === null ? {} : { refreshToken: presented }),
      ...(this.#clientId === undefined ? {} : { clientId: this.#clientId }),
    };
    let pair;
    try {
      pair = await this.#ask("refresh", REFRESH, input, longest);
    } catch (error) {
      if (!(error instanceof TokenLedgerError && error.terminal)) throw error;
      if (epoch !== this.#epoch) return this.#good()?.token ?? null;
      return this.#endFor(error, presented);
    }
    if (epoch !== this.#epoch) return this.#good()?.token ?? null;
    if (!(await this.#storeAfter(presented, pair.refreshToken))) return this.#refresh(stale, false, longest);
    if (epoch !== this.#epoch) return this.#good()?.token ?? null;
    const held = heldOf(pair, asked);
    if (this.#ended.has(held.session.id)) return this.#good()?.token ?? null; // a sibling was told so meanwhile
    this.#hold(held);
    this.#tell({ type: "token", signedIn: false, ...told(held) });
    return held.token;
  }

  /**
   * The service has said that the session is over.
   *
   * @param {TokenLedgerError} problem
   * @param {string | null} presented in a body
   */
  async #endFor(problem, presented) {
    const signedOut = { reason: problem.code, message: problem.message, endedReason: problem.endedReason };
    if (presented === null) {
      this.#end(signedOut);
      return null;
    }
    const epoch = this.#epoch;
    if (!(await this.#forget(presented))) return this.#refresh(null, false, FIRST_TRY);
    if (epoch !== this.#epoch) return this.#good()?.token ?? null;
    const wasUnknown = this.#held === null;
    this.#end(signedOut);
    if (wasUnknown) this.#notify(signedOut); // a stored token means that somebody was signed in
    return null;
  }

  /** @param {string | null} stale */
  #newerThan(stale) {
    const good = this.#good();
    return good !== null && good.token !== stale ? good.token : null;
  }

  #mayRefreshAhead() {
    return this.#refusedAt === null || passed(QUIET_AFTER_REFUSAL, this.#refusedAt);
  }

  /** Set the timer to the moment at which to refresh ahead of time. */
  #arm() {
    clearTimeout(this.#timer);
    const held = this.#held;
    if (held === null || this.#closed || !this.#refreshesAhead) return;
    const quiet = this.#refusedAt === null ? 0 : QUIET_AFTER_REFUSAL - elapsed(this.#refusedAt);
    const wait = Math.max(0, held.dueAfter - elapsed(held.asked), quiet);
    this.#timer = setTimeout(() => this.#whenDue(), Math.min(wait, LONGEST_TIMER));
    unref(this.#timer);
  }

  #whenDue() {
    const held = this.#held;
    if (held === null || this.#closed || !this.#refreshesAhead) return;
    if (!passed(held.dueAfter, held.asked) || !this.#mayRefreshAhead()) this.#arm();
    else this.#renew().catch(() => {});
  }

  /** Timers of hidden and sleeping pages come late: whoever comes back looks at once, and does not wait longer. */
  #awaken = () => {
    this.#tryNow(0);
    this.#whenDue();
  };

  /** End the pause before the next try, if it has lasted so long, and as long as the service asked for. @param {number} least */
  #tryNow(least) {
    const pausing = this.#pausing;
    if (pausing && passed(Math.max(least, pausing.least), pausing.since)) pausing.end();
  }

  /** @param {number} milliseconds @param {number} least that nobody may shorten it to */
  async #pause(milliseconds, least) {
    await new Promise((/** @type {(value?: void) => void} */ resolve) => {
      const timer = setTimeout(resolve, Math.min(Math.max(milliseconds, least), LONGEST_TIMER));
      unref(timer); // who waits for it has a timer of its own
      const end = () => {
        clearTimeout(timer);
        resolve();
      };
      this.#pausing = { since: now(), least, end };
    });
    this.#pausing = null;
  }

  /**
   * What is waited for, but not for ever; it goes on nevertheless.
   *
   * @param {Promise<string | null>} waited
   * @param {AbortSignal} [signal]
   * @returns {Promise<string | null>}
   */
  #inTime(waited, signal) {
    return new Promise((resolve, reject) => {
      const tooLate = () => reject(this.#trouble ?? unreachable("no answer in time"));
      const timer = setTimeout(tooLate, this.#timeout);
      const aborted = () => reject(signal?.reason);
      if (signal?.aborted) aborted();
      signal?.addEventListener("abort", aborted, { once: true });
      waited.then(resolve, reject).finally(() => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", aborted);
      });
    });
  }

  #mustBeOpen() {
    if (this.#closed) throw new TokenLedgerError({ code: "CLOSED", message: "This client was closed." });
  }

  // ------------------------------------------------------------------ one at a time, in all tabs

  /**
   * Do something while no other tab does; whoever waits too long goes on all the same, since the service bears races.
   *
   * @template T
   * @param {(hadToWait: boolean) => Promise<T>} work
   * @returns {Promise<T>}
   */
  #alone(work) {
    const longest = this.#timeout / 2;
    return this.#queue(longest, (hadToQueue) =>
      locked(this.#shared, longest, (hadToWait) => work(hadToQueue || hadToWait)),
    );
  }

  // ------------------------------------------------------------------ siblings

  #openChannel() {
    if (this.#shared === null || typeof BroadcastChannel !== "function") return;
    try {
      this.#channel = new BroadcastChannel(this.#shared);
    } catch {
      return; // forbidden here, as in a sandboxed frame
    }
    unref(this.#channel);
    this.#channel.onmessage = (event) => this.#hear(event.data);
    this.#tell({ type: "ask" });
  }

  /** @param {unknown} message */
  #tell(message) {
    try {
      this.#channel?.postMessage(message);
    } catch {
      // A channel that a browser closed behind our back: the others ask the service.
    }
  }

  /** @param {any} message */
  #hear(message) {
    if (message?.type === "ask") {
      const good = this.#good();
      if (good !== null) this.#tell({ type: "token", signedIn: false, ...told(good) });
    } else if (message?.type === "token") {
      this.#adopt(heardFrom(message), message.signedIn === true);
    } else if (message?.type === "signedOut") {
      this.#ended.add(message.sessionId);
      if (this.#held?.session.id !== message.sessionId) return;
      this.#forgetHeld();
      this.#pausing?.end();
      this.#notify(message.signedOut);
    }
  }

  /** Wait until a sibling has brought a newer token, or for so many milliseconds. @param {number} longest */
  async #askSiblings(longest) {
    if (this.#channel === null) return;
    await new Promise((/** @type {(value?: void) => void} */ resolve) => {
      const heard = () => {
        clearTimeout(timer);
        this.#hearing.delete(heard);
        resolve();
      };
      const timer = setTimeout(heard, longest);
      this.#hearing.add(heard);
      this.#tell({ type: "ask" });
    });
  }

  // ------------------------------------------------------------------ the stored refresh token

  async #stored() {
    const stored = this.#unsaved ?? (await this.#storage?.get()) ?? null;
    return stored === "" || stored === this.#spent ? null : stored;
  }

  /** @param {string | null} token */
  async #store(token) {
    if (this.#storage === null) return;
    if (!token) throw unreachable("it gave no refresh token");
    this.#unsaved = token;
    await this.#storage.set(token);
    if (this.#unsaved === token) this.#unsaved = null;
  }

  /**
   * Store what a token was replaced by, unless something newer is there.
   *
   * @param {string | null} presented
   * @param {string | null} token
   * @returns {Promise<boolean>} false: another session's token is stored by now, or none
   */
  async #storeAfter(presented, token) {
    if (this.#storage === null || presented === null) return true;
    const stored = await this.#stored();
    if (stored !== presented && !isSuccessor(token, stored)) return sameFamily(token, stored);
    await this.#store(token);
    return true;
  }

  /**
   * Remove a refresh token that is worth nothing any more.
   *
   * @param {string | null} token
   * @returns {Promise<boolean>} false: another one is stored by now
   */
  async #forget(token) {
    if (this.#storage === null) return true;
    const stored = await this.#stored();
    if (stored !== null && stored !== token && !sameFamily(stored, token)) return false;
    this.#unsaved = null;
    this.#spent = stored;
    try {
      await this.#storage.remove();
    } catch {
      // It is not presented again by this client, and the next one will be told that it is worth nothing.
    }
    return true;
  }

  // ------------------------------------------------------------------ asking the service

  /**
   * @param {{scope: string, refreshToken?: string}} input
   */
  async #askToEnd(input) {
    try {
      return await this.#ask("logout", LOGOUT, input, this.#timeout);
    } catch (error) {
      if (!(error instanceof TokenLedgerError) || error.code !== "UNAUTHENTICATED") throw error;
      // Neither the cookie nor a good access token is left: there is nothing here that could be signed out.
      const message = "The browser holds no refresh token any more: nothing but this page can be signed out.";
      this.#end({ reason: "TOKEN_MISSING", message, endedReason: null });
      if (input.scope === "THIS") return { revokedSessions: 0 };
      throw new TokenLedgerError({ code: "TOKEN_MISSING", terminal: true, message, requestId: error.requestId });
    }
  }

  /**
   * What a mutation answers.
   *
   * @param {string} field
   * @param {string} query
   * @param {object} input
   * @param {number} longest milliseconds
   * @throws {TokenLedgerError} it was refused, or NETWORK
   */
  async #ask(field, query, input, longest) {
    const token = field === "logout" ? this.accessToken : null;
    const giveUp = new AbortController();
    const timer = setTimeout(() => giveUp.abort(), longest);
    unref(timer);
    let response;
    let body;
    try {
      response = await this.#fetch(this.#url, {
        method: "POST",
        credentials: this.#storage ? "omit" : "include",
        cache: "no-store",
        headers: {
          Accept: "application/graphql-response+json, application/json;q=0.9",
          "Content-Type": "application/json",
          "X-Token-Ledger": "1",
          ...(token === null ? {} : { Authorization: `Bearer ${token}` }),
        },
        body: JSON.stringify({ query, variables: { input } }),
        signal: giveUp.signal,
      });
      body = await response.json();
    } catch (error) {
      if (response === undefined) {
        throw unreachable(giveUp.signal.aborted ? "no answer in time" : "no connection, or a forbidden origin", error);
      }
      throw unreachable(`HTTP status ${response.status}`, error, retryAfter(response));
    } finally {
      clearTimeout(timer);
    }
    const answer = body?.data?.[field];
    if (response.ok && answer && !body.errors) {
      if (answer.code === undefined) return answer;
      throw new TokenLedgerError(answer);
    }
    const error = body?.errors?.[0];
    const code = error?.extensions?.code;
    const requestId = error?.extensions?.requestId;
    if (
      typeof code !== "string" ||
      response.status >= 500 ||
      response.status === 429 ||
      code === "INTERNAL_SERVER_ERROR"
    ) {
      throw unreachable(`HTTP status ${response.status}`, undefined, retryAfter(response), requestId);
    }
    throw new TokenLedgerError({ code, message: String(error.message), requestId });
  }
}

const AWAKENINGS = ["online", "pageshow", "visibilitychange"];

/**
 * @typedef {{date: number, steady: number}} Moment
 * @typedef {{token: string, session: Session, issuedAt: number, expiresAt: number, asked: Moment, goodFor: number,
 *   dueAfter: number}} Held
 *   `issuedAt` and `expiresAt` are the service's and only compared with one another; `asked` is when the token was
 *   asked for by local clocks, and the two durations, in milliseconds, count from there.
 */

/** @returns {Moment} */
function now() {
  return { date: Date.now(), steady: globalThis.performance?.now() ?? 0 };
}

/**
 * Milliseconds since a moment. One clock can be set, the other stands still while a machine sleeps: the larger count
 * is the safe one.
 *
 * @param {Moment} since
 */
function elapsed(since) {
  const { date, steady } = now();
  return Math.max(date - since.date, steady - since.steady, 0);
}

/** @param {number} milliseconds @param {Moment} since */
function passed(milliseconds, since) {
  return elapsed(since) >= milliseconds;
}

/** @param {any} pair a TokenPair @param {Moment} asked @returns {Held} */
function heldOf(pair, asked) {
  const claims = claimsOf(pair.accessToken);
  return withDeadlines({
    token: pair.accessToken,
    session: Object.freeze({
      id: claims.sid,
      subject: claims.sub,
      clientId: claims.client_id,
      accessTokenExpiresAt: pair.accessTokenExpiresAt,
      refreshTokenExpiresAt: pair.refreshTokenExpiresAt,
      sessionExpiresAt: pair.sessionExpiresAt,
    }),
    issuedAt: claims.iat,
    expiresAt: claims.exp,
    asked,
  });
}

/** @param {Omit<Held, "goodFor" | "dueAfter">} facts @returns {Held} */
function withDeadlines(facts) {
  const lifetime = (facts.expiresAt - facts.issuedAt) * 1000;
  return {
    ...facts,
    goodFor: lifetime - Math.min(5_000, lifetime / 5),
    dueAfter: lifetime * (0.72 + Math.random() * 0.08),
  };
}

/**
 * Of two tokens of one session and one second, whether the first was given before the second. Their times are whole
 * seconds; the idle deadline, which a rotation moves on, is told to the microsecond, and both are spelt alike.
 *
 * @param {Held} one @param {Held} other
 */
function isOlder(one, other) {
  const [idle, otherIdle] = [one.session.refreshTokenExpiresAt, other.session.refreshTokenExpiresAt];
  return idle === otherIdle ? one.expiresAt < other.expiresAt : idle < otherIdle;
}

/** What siblings are told of a token: its age, as their steady clocks began at other times. @param {Held} held */
function told(held) {
  const { token, session, issuedAt, expiresAt, asked } = held;
  return { token, session, issuedAt, expiresAt, age: elapsed(asked), sentAt: Date.now() };
}

/** A message may have waited for a page that was frozen. @param {any} message @returns {Held} */
function heardFrom({ token, session, issuedAt, expiresAt, age, sentAt }) {
  const { date, steady } = now();
  const since = age + Math.max(0, date - sentAt);
  const asked = { date: date - since, steady: steady - since };
  return withDeadlines({ token, session: Object.freeze({ ...session }), issuedAt, expiresAt, asked });
}

/**
 * The claims of an access token, unverified: the service that gave it is trusted.
 *
 * @param {string} token
 */
function claimsOf(token) {
  try {
    const bytes = [...fromBase64url(token.split(".")[1])];
    const claims = JSON.parse(
      decodeURIComponent(bytes.map((byte) => `%${byte.toString(16).padStart(2, "0")}`).join("")),
    );
    if (claims.exp > claims.iat) return claims;
  } catch (error) {
    throw unreachable("it gave an access token that cannot be read", error);
  }
  throw unreachable("it gave an access token without a lifetime");
}

/** @param {string} text */
function fromBase64url(text) {
  const binary = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(binary, (character) => character.charCodeAt(0));
}

/**
 * Session and generation of a refresh token, or null. Nothing else of it is looked at: 17 bytes of version and
 * session, then 4 of the generation.
 *
 * @param {string | null} token
 */
function placeOf(token) {
  try {
    const bytes = fromBase64url((token ?? "").replace("tlrt_", "").slice(0, 28));
    if (bytes.length !== 21) return null;
    return { family: bytes.slice(1, 17).join(), generation: new DataView(bytes.buffer).getUint32(17) };
  } catch {
    return null;
  }
}

/** @param {string | null} one @param {string | null} other */
function sameFamily(one, other) {
  const family = placeOf(one)?.family;
  return family !== undefined && family === placeOf(other)?.family;
}

/** @param {string | null} token @param {string | null} stored */
function isSuccessor(token, stored) {
  const [later, earlier] = [placeOf(token), placeOf(stored)];
  return later !== null && later.family === earlier?.family && later.generation > earlier.generation;
}

/** @param {string} reason @param {unknown} [cause] @param {number | null} [retryAfterMs] @param {string} [requestId] */
function unreachable(reason, cause, retryAfterMs, requestId) {
  const message = `The token service could not be asked (${reason}). Nobody is signed out by that; try again.`;
  return new TokenLedgerError({ code: "NETWORK", message, retryable: true, retryAfterMs, requestId, cause });
}

/** @param {unknown} error @returns {TokenLedgerError} */
function asTrouble(error) {
  if (error instanceof TokenLedgerError) return error;
  const message = `The storage of the refresh token failed: ${error instanceof Error ? error.message : error}`;
  return new TokenLedgerError({ code: "STORAGE", message, retryable: true, cause: error });
}

/** @param {Response} response */
function retryAfter(response) {
  const seconds = Number(response.headers.get("retry-after") ?? NaN);
  return seconds >= 0 ? seconds * 1000 : null;
}

/** @param {any} storage */
function isStorage(storage) {
  return ["get", "set", "remove"].every((name) => typeof storage?.[name] === "function");
}

/** @param {string | undefined} given */
function endpoint(given) {
  const page = globalThis.location?.href;
  if (given === undefined && page === undefined) {
    throw new TypeError("createTokenLedger: no page, so no origin to take /graphql from; give the option `url`");
  }
  if (page === undefined) return String(given);
  return new URL(given ?? "/graphql", page).href;
}

/** @param {string} url */
function requiredOrigin(url) {
  const origin = originOf(url);
  if (origin === null) {
    throw new TypeError(`createTokenLedger: ${JSON.stringify(url)} is no address such as https://api.example.com`);
  }
  return origin;
}

/**
 * The origin that a request goes to; null: none, or it cannot be told for sure.
 *
 * @param {string} url
 * @param {string} [base]
 */
function originOf(url, base) {
  try {
    const { origin } = new URL(url, base);
    return origin === "null" ? null : origin;
  } catch {
    // React Native's URL knows no origin. What is not plainly spelt is no origin that we would trust.
    return /^https?:\/\/[a-z0-9.-]+(?::\d+)?(?=[/?#]|$)/.exec(url)?.[0] ?? null;
  }
}

/** @param {RequestInit | undefined} init @param {Headers} headers @param {string} token */
function authorized(init, headers, token) {
  const own = new Headers(headers);
  own.set("Authorization", `Bearer ${token}`);
  return { ...init, headers: own };
}

/** @param {unknown} body */
function isStream(body) {
  return typeof ReadableStream === "function" && body instanceof ReadableStream;
}

/**
 * Whether an answer says that the access token is not good: by its status, or in the way of GraphQL.
 *
 * @param {Response} answer
 * @param {string} [method]
 */
async function isUnauthenticated(answer, method = "GET") {
  if (answer.status === 401) return true;
  const type = answer.headers.get("content-type") ?? "";
  const isGraphQL =
    type.startsWith("application/graphql-response+json") ||
    (type.startsWith("application/json") && method.toUpperCase() === "POST");
  if (!isGraphQL) return false;
  const text = await answer.clone().text();
  if (!text.includes("UNAUTHENTICATED")) return false;
  try {
    const { errors } = JSON.parse(text);
    return Array.isArray(errors) && errors.some((error) => error?.extensions?.code === "UNAUTHENTICATED");
  } catch {
    return false;
  }
}

/** In Node timers and channels keep the process alive unless they are told not to. @param {any} timer */
function unref(timer) {
  timer?.unref?.();
}

/**
 * One after the other within this page or process.
 *
 * @param {object | null} storage
 * @returns {<T>(longest: number, work: (hadToQueue: boolean) => Promise<T>) => Promise<T>}
 */
function queueOf(storage) {
  const known = storage && queues.get(storage);
  if (known) return known;
  /** @type {Promise<unknown>} */
  let last = Promise.resolve();
  let ahead = 0;
  /** @type {<T>(longest: number, work: (hadToQueue: boolean) => Promise<T>) => Promise<T>} */
  const queue = async (longest, work) => {
    const before = last;
    const hadToQueue = ahead > 0;
    ahead += 1;
    /** @type {() => void} */
    let done = () => {};
    const mine = new Promise((/** @type {(value?: void) => void} */ resolve) => (done = resolve));
    last = before.then(() => mine);
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let timer;
    await Promise.race([before, new Promise((resolve) => (timer = setTimeout(resolve, longest)))]);
    clearTimeout(timer);
    try {
      return await work(hadToQueue);
    } finally {
      ahead -= 1;
      done();
    }
  };
  if (storage) queues.set(storage, queue);
  return queue;
}

/**
 * Under a Web Lock, where there are any, and nobody holds it for too long.
 *
 * @template T
 * @param {string | null} name
 * @param {number} longest milliseconds to wait for it
 * @param {(hadToWait: boolean) => Promise<T>} work
 * @returns {Promise<T>}
 */
async function locked(name, longest, work) {
  const locks = globalThis.navigator?.locks;
  if (name === null || !locks) return work(false);
  /** @type {Promise<T> | null} */
  let begun = null;
  const waiting = new AbortController();
  const timer = setTimeout(() => waiting.abort(), longest);
  try {
    await locks.request(name, { ifAvailable: true }, (lock) => (lock ? (begun = work(false)) : undefined));
    if (begun === null) {
      await locks.request(name, { signal: waiting.signal }, () => {
        clearTimeout(timer);
        return (begun = work(true));
      });
    }
  } catch (error) {
    if (begun !== null) throw error;
  } finally {
    clearTimeout(timer);
  }
  return begun ?? work(true);
}
