// One GraphQL request over HTTP: its data, or an error that says what a person can do.
// @ts-check

/** The service answers within some seconds, if only that it cannot: a longer silence is of the network. */
const LONGEST_SILENCE_MS = 20_000;

/** @typedef {"unauthenticated" | "forbidden" | "unavailable" | "lost" | "refused" | "failed"} Failure */

/** Why there is no data. `kind` decides what is shown; `message` is for people. */
export class ApiError extends Error {
  /**
   * @param {Failure} kind
   * @param {string} message
   * @param {{ requestId?: string | null, retryAfterSeconds?: number | null }} [more]
   */
  constructor(kind, message, { requestId = null, retryAfterSeconds = null } = {}) {
    super(message);
    this.name = "ApiError";
    this.kind = kind;
    this.requestId = requestId;
    this.retryAfterSeconds = retryAfterSeconds;
  }

  /** Whether the same request may succeed later. */
  get passes() {
    return this.kind === "unavailable" || this.kind === "lost";
  }
}

/**
 * @typedef {(query: string, variables?: object, options?: { signal?: AbortSignal }) => Promise<any>} Ask
 * The data. Rejects with an ApiError, or with the signal's reason.
 */

/**
 * @param {(input: string, init: RequestInit) => Promise<Response>} send adds the access token
 * @returns {Ask}
 */
export function asking(send) {
  return async (query, variables = {}, { signal } = {}) => {
    let answer, body;
    const stop = new AbortController();
    const left = () => stop.abort(signal?.reason);
    const timer = setTimeout(() => stop.abort(new ApiError("lost", "The server does not answer.")), LONGEST_SILENCE_MS);
    if (signal?.aborted) left();
    signal?.addEventListener("abort", left);
    try {
      answer = await send("/graphql", {
        method: "POST",
        headers: { "content-type": "application/json", accept: "application/graphql-response+json" },
        body: JSON.stringify({ query, variables }),
        signal: stop.signal,
      });
      body = await answer.json();
    } catch (error) {
      if (stop.signal.aborted) throw stop.signal.reason;
      if (error instanceof ApiError) throw error;
      if (!passes(error)) throw new ApiError("refused", /** @type {Error} */ (error).message, { requestId: /** @type {any} */ (error).requestId });
      if (answer === undefined || error instanceof TypeError) {
        throw new ApiError("lost", "The server cannot be reached.");
      }
      body = null;
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", left);
    }
    return read(answer, body);
  };
}

/**
 * Whether getting an access token may succeed by itself later. False: the service was heard, and refused it, as it does
 * to a subject that is suspended.
 * @param {any} error of the product's client, or of the network
 */
export function passes(error) {
  const isRefusal = typeof error?.code === "string" && error.terminal === false;
  return !isRefusal || error.code === "NETWORK" || error.code === "RATE_LIMITED";
}

/** @param {Response} answer @param {any} body null: it was no JSON */
function read(answer, body) {
  const first = body?.errors?.[0];
  const more = {
    requestId: first?.extensions?.requestId ?? null,
    retryAfterSeconds: Number(answer.headers.get("retry-after")) || null,
  };
  const code = first?.extensions?.code;
  if (answer.status === 401 || code === "UNAUTHENTICATED") {
    throw new ApiError("unauthenticated", "You are not signed in any more.", more);
  }
  if (answer.status === 403) {
    throw new ApiError("forbidden", first?.message ?? "This is not allowed to you.", more);
  }
  if (answer.status === 429 || answer.status >= 502) {
    throw new ApiError("unavailable", first?.message ?? "The service cannot answer now.", more);
  }
  if (first) {
    const kind = code === "INTERNAL_SERVER_ERROR" || answer.status >= 500 ? "failed" : "refused";
    throw new ApiError(kind, first.message, more);
  }
  if (body?.data === undefined || body.data === null) {
    throw new ApiError("failed", `The server's answer (${answer.status}) cannot be read.`, more);
  }
  return body.data;
}
