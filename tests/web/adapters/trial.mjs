// What every adapter must do, against a real server.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { test } from "node:test";

import { createTokenLedger } from "@token-ledger/client";

import { wireTo } from "./wire.mjs";

/** `url` and `people` by file ({subject, assertions}), written by the test that runs these files. */
const service = JSON.parse(readFileSync(process.env.TOKEN_LEDGER_TEST_SERVICE, "utf8"));
const people = service.people[basename(process.argv[1])];
const TEN = Array.from({ length: 10 });

function bodyLedger(t, url) {
  let held = null;
  const storage = { get: () => held, set: (token) => (held = token), remove: () => (held = null) };
  const ledger = createTokenLedger({ url, transport: "body", storage, timeoutMs: 3_000 });
  t.after(() => ledger.close());
  return ledger;
}

/** The errors of a library, with those they were caused by or hold. */
function* causes(error) {
  for (let one = error; one; one = one.cause ?? one.networkError) yield one;
}

/**
 * @param {string} name of the library
 * @param {(ledger: any) => () => Promise<{id: string}>} asking makes the way to ask the library for `{ me { id } }`; it
 *   rejects where the answer is an error
 */
export function trial(name, asking) {
  async function signedIn(t) {
    const { subject, assertions } = people.pop();
    const wire = await wireTo(service.url);
    t.after(wire.end);
    const ledger = bodyLedger(t, wire.url);
    const told = [];
    ledger.onSignedOut(({ reason }) => told.push(reason));
    await ledger.login(assertions.pop());
    return { ask: asking(ledger), assertions, ledger, subject, told, wire };
  }

  test(`${name}: an expired token is refreshed once for ten requests`, async (t) => {
    const { ask, subject, wire } = await signedIn(t);
    assert.deepEqual(await ask(), { id: subject });
    const { now } = Date;
    Date.now = () => now() + 3_600_000;
    try {
      assert.deepEqual(await Promise.all(TEN.map(() => ask())), TEN.fill({ id: subject }));
    } finally {
      Date.now = now;
    }
    assert.deepEqual(wire.counts, { refresh: 1, me: 11 });
  });

  test(`${name}: a token that is not taken is refreshed once, and each request sent again`, async (t) => {
    const { ask, ledger, subject, wire } = await signedIn(t);
    wire.spoilt = ledger.accessToken;
    assert.deepEqual(await Promise.all(TEN.map(() => ask())), TEN.fill({ id: subject }));
    assert.deepEqual(wire.counts, { refresh: 1, me: 20 });
    wire.spoilt = ledger.accessToken;
    assert.deepEqual(await ask(), { id: subject });
    assert.deepEqual(wire.counts, { refresh: 2, me: 22 });
  });

  test(`${name}: a terminal refusal signs out, once`, async (t) => {
    const { ask, assertions, ledger, told } = await signedIn(t);
    assert.ok(await ask());
    const elsewhere = bodyLedger(t, ledger.url);
    await elsewhere.login(assertions.pop());
    await elsewhere.logout("OTHERS");
    for (const { status } of await Promise.allSettled([ask(), ask(), ask()])) assert.equal(status, "rejected");
    assert.deepEqual([told, ledger.session], [["SESSION_REVOKED"], null]);
    await assert.rejects(ask());
  });

  test(`${name}: without a network nobody is signed out`, async (t) => {
    const { ask, ledger, subject, told, wire } = await signedIn(t);
    wire.spoilt = ledger.accessToken;
    wire.away = true;
    const { now } = Date;
    Date.now = () => now() + 3_600_000;
    try {
      await assert.rejects(ask(), (error) => [...causes(error)].some(({ code }) => code === "NETWORK"));
    } finally {
      Date.now = now;
    }
    assert.deepEqual([told, ledger.session.subject], [[], subject]);
    wire.away = false;
    assert.deepEqual(await ask(), { id: subject });
  });

  test(`${name}: a sign-in after the first request is used`, async (t) => {
    const { subject, assertions } = people.pop();
    const ledger = bodyLedger(t, `${service.url}/graphql`);
    const ask = asking(ledger);
    await assert.rejects(ask());
    await ledger.login(assertions.pop());
    assert.deepEqual(await ask(), { id: subject });
  });
}
