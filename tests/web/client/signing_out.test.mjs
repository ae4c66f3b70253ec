// How a session ends, and who is told.
import assert from "node:assert/strict";
import { test } from "node:test";

import {
  bodyLedger,
  delay,
  LATE,
  me,
  memory,
  offline,
  refreshAsThief,
  somebody,
  TIMEOUT,
  watched,
} from "./service.mjs";

/** A client and what its listener is told. */
function listening(t, options = {}) {
  const wire = watched();
  const storage = memory();
  const ledger = bodyLedger(t, { fetch: wire.fetch, storage, ...options });
  const told = [];
  ledger.onSignedOut((signedOut) => told.push(signedOut));
  return { ledger, storage, told, wire };
}

const another = (ledger) => ledger.getAccessToken({ refused: ledger.accessToken });

test("a sign-out ends the session, and is told once", async (t) => {
  const { ledger, storage, told, wire } = listening(t);
  await ledger.login(somebody().assertions.pop());
  const token = storage.held;
  assert.deepEqual(await ledger.logout(), { revokedSessions: 1 });
  assert.deepEqual([ledger.session, ledger.accessToken, storage.held], [null, null, null]);
  assert.equal(await ledger.getAccessToken(), null);
  assert.equal((await me(ledger)).status, 401);
  assert.deepEqual(told, [{ reason: "LOGOUT", message: "Signed out.", endedReason: "LOGOUT" }]);
  assert.equal((await refreshAsThief(token)).code, "SESSION_REVOKED");
  assert.deepEqual(await ledger.logout(), { revokedSessions: 0 });
  assert.deepEqual([told.length, wire.counts.Refresh], [1, 0]);
});

test("others and all", async (t) => {
  const ada = somebody();
  const [one, two, three] = [listening(t), listening(t), listening(t)];
  for (const { ledger } of [one, two, three]) await ledger.login(ada.assertions.pop());
  assert.deepEqual(await one.ledger.logout("OTHERS"), { revokedSessions: 2 });
  assert.notEqual(one.ledger.session, null);
  assert.equal(await another(two.ledger), null);
  assert.deepEqual([two.told[0].reason, two.told[0].endedReason], ["SESSION_REVOKED", "SUBJECT"]);
  assert.deepEqual(one.told, []);
  await two.ledger.login(ada.assertions.pop());
  assert.deepEqual(await one.ledger.logout("ALL"), { revokedSessions: 2 });
  assert.equal(one.ledger.session, null);
  await assert.rejects(one.ledger.logout("EVERYTHING"), { name: "TypeError" });
});

test("where the storage has lost the token, the access token signs out", async (t) => {
  const ada = somebody();
  const [one, two] = [listening(t), listening(t)];
  for (const { ledger } of [one, two]) await ledger.login(ada.assertions.pop());
  one.storage.remove();
  assert.deepEqual(await one.ledger.logout("ALL"), { revokedSessions: 2 });
  assert.deepEqual([one.ledger.session, one.told.length], [null, 1]);
  assert.equal(await another(two.ledger), null);
});

test("who is offline stays signed in, and can sign out later", async (t) => {
  const { ledger, storage, told, wire } = listening(t);
  await ledger.login(somebody().assertions.pop());
  const stored = storage.held;
  wire.hinder = offline;
  await assert.rejects(ledger.logout(), { code: "NETWORK", retryable: true });
  assert.notEqual(ledger.session, null);
  assert.deepEqual([told, storage.held], [[], stored]);
  wire.hinder = null;
  assert.deepEqual(await ledger.logout(), { revokedSessions: 1 });
});

test("a stolen token that comes back signs out, with the reason, once", async (t) => {
  const { ledger, storage, told } = listening(t, { clientId: "strict" });
  await ledger.login(somebody().assertions.pop());
  const stolen = storage.held;
  assert.ok(await another(ledger));
  assert.equal((await refreshAsThief(stolen)).code, "REUSE_DETECTED");
  const refused = ledger.accessToken;
  const given = await Promise.all(Array.from({ length: 5 }, () => ledger.getAccessToken({ refused })));
  assert.deepEqual(given, Array(5).fill(null));
  assert.deepEqual([ledger.session, storage.held], [null, null]);
  assert.deepEqual(
    told.map(({ reason, endedReason }) => [reason, endedReason]),
    [["SESSION_REVOKED", "REUSE"]],
  );
  assert.ok(told[0].message);
});

test("who brings an old token is signed out for reuse", async (t) => {
  const { ledger, storage, told } = listening(t, { clientId: "strict" });
  await ledger.login(somebody().assertions.pop());
  assert.equal((await refreshAsThief(storage.held)).outcome, "ROTATED");
  assert.equal(await another(ledger), null);
  assert.equal(told[0].reason, "REUSE_DETECTED");
});

test("where nobody was signed in, nobody is signed out", async (t) => {
  const { ledger, told, wire } = listening(t);
  assert.equal(await ledger.getAccessToken(), null);
  assert.deepEqual(await ledger.logout(), { revokedSessions: 0 });
  assert.deepEqual([told, wire.counts.Refresh, wire.counts.Logout], [[], 0, 0]);
});

test("a stored token that is worth nothing any more is told once, and removed", async (t) => {
  const first = listening(t);
  await first.ledger.login(somebody().assertions.pop());
  const stale = first.storage.held;
  await first.ledger.logout();
  const storage = memory(stale);
  storage.remove = () => Promise.reject(new Error("read only"));
  const { ledger, told, wire } = listening(t, { storage });
  assert.deepEqual([await ledger.getAccessToken(), await ledger.getAccessToken()], [null, null]);
  assert.deepEqual([told.length, told[0].reason, wire.counts.Refresh], [1, "SESSION_REVOKED", 1]);
});

test("a terminal answer that was asked for before a newer sign-in ends nothing", async (t) => {
  const ada = somebody();
  const { ledger, storage, told, wire } = listening(t, { timeoutMs: TIMEOUT });
  await ledger.login(ada.assertions.pop());
  const other = bodyLedger(t);
  await other.login(ada.assertions.pop());
  await other.logout("OTHERS");
  let answered = false;
  wire.hinder = async (asked, init, send) => {
    if (asked !== "Refresh") return undefined;
    const response = await send();
    await delay(LATE);
    answered = true;
    return response;
  };
  const waiting = another(ledger);
  await delay(20);
  const session = await ledger.login(ada.assertions.pop());
  assert.equal(answered, false);
  const stored = storage.held;
  assert.equal(await waiting, ledger.accessToken);
  assert.equal(answered, true);
  assert.deepEqual([ledger.session, told, storage.held], [session, [], stored]);
  assert.deepEqual(await me(ledger), { status: 200, id: ada.subject });
});

test("an answer that was asked for before a newer sign-in changes nothing", async (t) => {
  const ada = somebody();
  const { ledger, storage, wire } = listening(t, { timeoutMs: TIMEOUT });
  await ledger.login(ada.assertions.pop());
  wire.hinder = async (asked, init, send) => {
    if (asked !== "Refresh") return undefined;
    const response = await send();
    await delay(LATE);
    return response;
  };
  const waiting = another(ledger);
  await delay(20);
  const session = await ledger.login(ada.assertions.pop());
  const stored = storage.held;
  assert.equal(await waiting, ledger.accessToken);
  assert.deepEqual([ledger.session, storage.held, wire.counts.Refresh], [session, stored, 1]);
});

test("an answer that was asked for before a sign-out brings nobody back", async (t) => {
  const { ledger, storage, told, wire } = listening(t, { timeoutMs: TIMEOUT });
  await ledger.login(somebody().assertions.pop());
  wire.hinder = async (asked, init, send) => {
    if (asked !== "Refresh") return undefined;
    const response = await send();
    await delay(LATE);
    return response;
  };
  const waiting = another(ledger);
  await delay(100);
  await ledger.logout();
  assert.equal(await waiting, null);
  assert.deepEqual([ledger.session, storage.held, told.length], [null, null, 1]);
});

test("an older refresh token is never written over a newer one", async (t) => {
  const shared = memory();
  const slow = (milliseconds) => ({
    get: async () => shared.get(),
    set: async (token) => shared.set(token),
    remove: async () => shared.remove(),
    milliseconds,
  });
  const [first, second] = [listening(t, { storage: slow(0) }), listening(t, { storage: slow(0) })];
  await first.ledger.login(somebody().assertions.pop());
  first.wire.hinder = async (asked, init, send) => {
    const response = await send();
    await delay(500);
    return response;
  };
  const late = another(first.ledger);
  await delay(150);
  assert.ok(await second.ledger.getAccessToken());
  assert.ok(await another(second.ledger));
  const newest = shared.held;
  assert.ok(await late);
  assert.equal(shared.held, newest);
  assert.equal((await refreshAsThief(newest)).outcome, "ROTATED");
});

test("a refusal of an old token leaves a newer sign-in of the same storage alone", async (t) => {
  const ada = somebody();
  const shared = memory();
  const view = () => ({ get: () => shared.get(), set: (token) => shared.set(token), remove: () => shared.remove() });
  const [first, second] = [listening(t, { storage: view() }), listening(t, { storage: view() })];
  await first.ledger.login(ada.assertions.pop());
  await second.ledger.getAccessToken();
  const other = bodyLedger(t);
  await other.login(ada.assertions.pop());
  await other.logout("OTHERS");
  first.wire.hinder = async (asked, init, send) => {
    const response = await send();
    await delay(400);
    return response;
  };
  const late = another(first.ledger);
  await delay(50);
  const session = await second.ledger.login(ada.assertions.pop());
  assert.ok(await late);
  assert.deepEqual([first.ledger.session.id, first.told, second.told], [session.id, [], []]);
  assert.notEqual(shared.held, null);
});

test("a listener that fails stops nothing, and one that left hears nothing", async (t) => {
  const { ledger, told } = listening(t);
  const heard = [];
  ledger.onSignedOut(() => heard.push("left"))();
  await ledger.login(somebody().assertions.pop());
  await ledger.logout();
  assert.deepEqual([heard, told.length], [[], 1]);
});

test("a closed client says so", async (t) => {
  const { ledger, told } = listening(t);
  await ledger.login(somebody().assertions.pop());
  ledger.close();
  await assert.rejects(ledger.getAccessToken(), { code: "CLOSED", terminal: false });
  await assert.rejects(ledger.logout(), { code: "CLOSED" });
  assert.deepEqual(told, []);
});
