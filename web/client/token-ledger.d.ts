/** Where a refresh token is kept in body mode. Each method may be asynchronous. */
export interface RefreshTokenStorage {
  get(): string | null | undefined | Promise<string | null | undefined>;
  set(token: string): unknown;
  remove(): unknown;
}

export interface TokenLedgerOptions {
  /** Address of the service's GraphQL; default: `/graphql` of the page's origin. */
  url?: string;
  /** Default: the service's own, the public client `web`. */
  clientId?: string;
  /** `cookie`, the default: the refresh token is in an HttpOnly cookie. `body`: it is in `storage`. */
  transport?: "cookie" | "body";
  /** Needed with `body`, and only there. */
  storage?: RefreshTokenStorage;
  /** Default: the global one. */
  fetch?: typeof fetch;
  /** Shown to the user in the list of their sessions; at most 100 characters. */
  deviceLabel?: string;
  /** Other origins that may be sent the access token by `ledger.fetch` and the adapters, such as `https://api.example.com`. */
  allowedOrigins?: readonly string[];
  /** How long `getAccessToken`, `login` and `logout` wait for the service, in milliseconds; default 10,000. */
  timeoutMs?: number;
  /**
   * Whether tokens are replaced before they expire though nobody asks for one; default true. False, as on a server: only
   * who asks refreshes, and a session that nobody uses reaches its idle deadline.
   */
  refreshAhead?: boolean;
  /** Clients of one address, client id and name share one session in all tabs; another name is another session in body mode. */
  name?: string;
}

/** Who is signed in. Times are RFC 3339, by the service's clock. */
export interface Session {
  readonly id: string;
  /** The identity provider's id of the user. */
  readonly subject: string;
  readonly clientId: string;
  readonly accessTokenExpiresAt: string;
  /** The session ends then unless it is used before. */
  readonly refreshTokenExpiresAt: string;
  /** The session ends then. */
  readonly sessionExpiresAt: string;
}

export interface SignedOut {
  /** `LOGOUT`, or why the service ended it: REUSE_DETECTED, SESSION_REVOKED, SESSION_EXPIRED, TOKEN_UNKNOWN, TOKEN_MISSING. */
  readonly reason:
    | "LOGOUT"
    | "REUSE_DETECTED"
    | "SESSION_REVOKED"
    | "SESSION_EXPIRED"
    | "TOKEN_UNKNOWN"
    | "TOKEN_MISSING"
    | (string & {});
  /** For a developer, in English. */
  readonly message: string;
  /** With SESSION_REVOKED and SESSION_EXPIRED: LOGOUT, SUBJECT, ADMIN, REUSE, LIMIT, NOT_BEFORE, ERASURE, IDLE, ABSOLUTE. */
  readonly endedReason: string | null;
}

export interface AccessTokenOptions {
  /** A token that a server did not take: another one is asked for, once for all who say so. */
  refused?: string;
  /** Ends the waiting, not the refresh. */
  signal?: AbortSignal;
}

export interface TokenLedger {
  readonly url: string;
  /** Null: nobody is signed in, or nobody has asked for a token yet. */
  readonly session: Session | null;
  /** The access token in memory while it is good, else null; never asks the service. */
  readonly accessToken: string | null;
  /**
   * Exchange an assertion of the identity provider for a session; all tabs adopt it. An assertion is accepted once: get
   * a new one before trying again.
   *
   * @throws {TokenLedgerError} refused, or NETWORK
   */
  login(assertion: string | { assertion: string; deviceLabel?: string }): Promise<Session>;
  /**
   * A token that is good for some more seconds; null: nobody is signed in.
   *
   * @throws {TokenLedgerError} NETWORK or RATE_LIMITED after `timeoutMs`, while it is tried further; CSRF_FAILED and the
   *   like at once. Nobody is signed out by any of them.
   */
  getAccessToken(options?: AccessTokenOptions): Promise<string | null>;
  /**
   * `fetch` with the access token, for the origin of `url` and `allowedOrigins` only. Where it is not taken (401, or
   * `UNAUTHENTICATED` in GraphQL's errors) it is refreshed once, and the request is sent once more.
   *
   * @throws {TokenLedgerError} as `getAccessToken`
   */
  fetch(input: RequestInfo | URL, init?: RequestInit): Promise<Response>;
  /** Whether an address may be sent the access token. */
  isAllowed(url: string): boolean;
  /**
   * End this session, the user's others, or all.
   *
   * @throws {TokenLedgerError} refused, or NETWORK: then everything stays as it was
   */
  logout(scope?: "THIS" | "OTHERS" | "ALL"): Promise<{ revokedSessions: number }>;
  /** Be told, once in each tab that was signed in, that the session is over. Returns what ends that. */
  onSignedOut(listener: (signedOut: SignedOut) => void): () => void;
  /** End timers and channels; the session goes on. */
  close(): void;
}

/** Why something was refused. */
export class TokenLedgerError extends Error {
  readonly name: "TokenLedgerError";
  /** The service's code of a refusal; NETWORK: it could not be reached; STORAGE: yours failed; CLOSED: `close()` was called. */
  readonly code: string;
  /** The session is over: sign the user in again. */
  readonly terminal: boolean;
  /** The same may succeed later. */
  readonly retryable: boolean;
  readonly retryAfterMs: number | null;
  /** The same id stands in the service's log. */
  readonly requestId: string | null;
  readonly endedReason: string | null;
}

/**
 * A client of one Token Ledger, for one signed-in user at a time.
 *
 * @throws {TypeError} an option is wrong; the message says which
 */
export function createTokenLedger(options?: TokenLedgerOptions): TokenLedger;
