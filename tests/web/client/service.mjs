// What tests of the client share: the running server, fresh assertions, and a fetch that counts and can be hindered.
import { readFileSync } from "node:fs";
import { basename } from "node:path";

import { createTokenLedger } from "../../../web/client/token-ledger.js";

/** `url`, `people` by file ({subject, assertions}) and `admin` (an assertion), written by the test that runs these files. */
const service = JSON.parse(readFileSync(process.env.TOKEN_LEDGER_TEST_SERVICE, "utf8"));

export const url = `${service.url}/graphql`;

const people = service.people[basename(process.argv[1])];

/** Somebody whom no other test knows, with some assertions, each good once. */
export const somebody = () => people.pop();

export const administrator = () => service.admin;

/** A storage in memory; `held` is what it holds. */
export function memory(held = null) {
  return {
    held,
    get() {
      return this.held;
    },
    set(token) {
      this.held = token;
    },
    remove() {
      this.held = null;
    },
  };
}

/** The operation that a request to the service asks for: Login, Refresh, Logout, or null. */
export function operation(init) {
  return /mutation (Login|Refresh|Logout)/.exec(String(init?.body ?? ""))?.[1] ?? null;
}

/**
 * The real fetch, with a count of operations, and `hinder`: called before each request with the operation, the request
 * and a function that sends it, it may answer in its own way by returning a Response or throwing.
 */
export function watched() {
  const counts = { Login: 0, Refresh: 0, Logout: 0, other: 0 };
  const own = { counts, hinder: null, fetch };
  async function fetch(input, init) {
    const asked = operation(init);
    counts[asked ?? "other"] += 1;
    const send = (changed = init) => globalThis.fetch(input, changed);
    return (await own.hinder?.(asked, init, send)) ?? send();
  }
  return own;
}

/** What a fetch does when there is no network. */
export function offline() {
  throw new TypeError("fetch failed");
}

/** A client in body mode, closed when the test ends. */
export function bodyLedger(t, options = {}) {
  const ledger = createTokenLedger({ url, transport: "body", storage: memory(), timeoutMs: 5_000, ...options });
  t.after(() => ledger.close());
  return ledger;
}

/** The data of a request that needs nobody's client. */
export async function ask(query, variables = {}, accessToken = null) {
  const response = await fetch(url, {
    method: "POST",
    headers: {
      "Content-Type": "application/json",
      ...(accessToken === null ? {} : { Authorization: `Bearer ${accessToken}` }),
    },
    body: JSON.stringify({ query, variables }),
  });
  return (await response.json()).data;
}

/** A refresh by somebody who has copied a token. */
export async function refreshAsThief(refreshToken) {
  const query = `mutation ($token: String) {
    refresh(input: { refreshToken: $token }) {
      ... on TokenPair { refreshToken outcome }
      ... on AuthProblem { code }
    }
  }`;
  return (await ask(query, { token: refreshToken })).refresh;
}

/** Who the service takes the user of a client for. */
export async function me(ledger) {
  const response = await ledger.fetch(url, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ query: "{ me { id } }" }),
  });
  return { status: response.status, id: (await response.json()).data?.me?.id ?? null };
}

/** Of a client whose turns are waited for half as long, so that an answer that is so late comes after the next act. */
export const TIMEOUT = 2_000;
export const LATE = 1_500;

export const delay = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Wait until something holds. */
export async function until(holds, seconds = 10) {
  const deadline = performance.now() + seconds * 1000;
  while (!holds()) {
    if (performance.now() > deadline) throw new Error(`never held: ${holds}`);
    await delay(20);
  }
}

/** Move the wall clock, as somebody does who sets it, or a machine that slept. Returns what undoes it. */
export function shiftClock(milliseconds) {
  const { now } = Date;
  Date.now = () => now() + milliseconds;
  return () => {
    Date.now = now;
  };
}
