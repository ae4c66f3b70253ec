// What signs nobody out: networks, servers and refusals that say nothing of the session.
import assert from "node:assert/strict";
import { test } from "node:test";

import {
  administrator,
  ask,
  bodyLedger,
  delay,
  me,
  memory,
  offline,
  refreshAsThief,
  somebody,
  until,
  watched,
} from "./service.mjs";

const json = (status, body, headers = {}) => new Response(JSON.stringify(body), { status, headers });

/** A signed-in client whose sign-out would be noticed. */
async function signedIn(t, options = {}) {
  const wire = watched();
  const storage = memory();
  const ledger = bodyLedger(t, { fetch: wire.fetch, storage, ...options });
  const signedOut = [];
  ledger.onSignedOut((told) => signedOut.push(told));
  const ada = somebody();
  await ledger.login(ada.assertions.pop());
  return { ada, ledger, signedOut, storage, wire };
}

const onRefresh = (act) => (asked, init, send) => (asked === "Refresh" ? act(init, send) : undefined);

test("without a network it rejects in time, goes on trying, and nobody is signed out", async (t) => {
  const { ada, ledger, signedOut, storage, wire } = await signedIn(t, { timeoutMs: 900 });
  const stored = storage.held;
  wire.hinder = onRefresh(offline);
  const before = performance.now();
  const waiting = [1, 2, 3].map(() => ledger.getAccessToken({ refused: ledger.accessToken }));
  for (const one of await Promise.allSettled(waiting)) {
    assert.deepEqual([one.reason.name, one.reason.code], ["TokenLedgerError", "NETWORK"]);
    assert.deepEqual([one.reason.retryable, one.reason.terminal], [true, false]);
  }
  const waited = performance.now() - before;
  assert.ok(waited > 850 && waited < 2_000, `${waited}`);
  assert.ok(wire.counts.Refresh >= 2 && wire.counts.Refresh <= 5, `${wire.counts.Refresh}`);
  assert.deepEqual([signedOut, storage.held], [[], stored]);
  assert.equal(ledger.session.subject, ada.subject);
  wire.hinder = null;
  await until(() => ledger.accessToken !== null);
  assert.deepEqual(await me(ledger), { status: 200, id: ada.subject });
});

test("an answer that is lost after the commit is fetched again", async (t) => {
  const { ada, ledger, signedOut, wire } = await signedIn(t);
  let lost = 0;
  wire.hinder = onRefresh(async (init, send) => {
    if (lost === 2) return undefined;
    await (await send()).text();
    lost += 1;
    return offline();
  });
  assert.ok(await ledger.getAccessToken({ refused: ledger.accessToken }));
  assert.equal(lost, 2);
  wire.hinder = null;
  assert.ok(await ledger.getAccessToken({ refused: ledger.accessToken }));
  assert.deepEqual(await me(ledger), { status: 200, id: ada.subject });
  assert.deepEqual(signedOut, []);
});

test("an answer that never comes is given up inside the grace window", async (t) => {
  const { ledger, signedOut, wire } = await signedIn(t, { timeoutMs: 9_000 });
  let hangs = 1;
  wire.hinder = onRefresh(async (init, send) => {
    if (hangs === 0) return undefined;
    hangs -= 1;
    await (await send()).text();
    return new Promise((resolve, reject) => init.signal.addEventListener("abort", () => reject(init.signal.reason)));
  });
  const before = performance.now();
  assert.ok(await ledger.getAccessToken({ refused: ledger.accessToken }));
  assert.ok(performance.now() - before < 7_000);
  assert.deepEqual(signedOut, []);
});

for (const [name, answer] of Object.entries({
  503: () =>
    json(
      503,
      { errors: [{ message: "later", extensions: { code: "TEMPORARILY_UNAVAILABLE" } }] },
      { "Retry-After": "0" },
    ),
  "a page of a proxy": () => new Response("<html>Bad gateway</html>", { status: 502 }),
  "a page of a captive portal": () => new Response("<html>Welcome</html>", { status: 200 }),
  "an internal error": () =>
    json(200, { data: null, errors: [{ message: "x", extensions: { code: "INTERNAL_SERVER_ERROR" } }] }),
  429: () => json(429, {}),
  null: () => json(200, null),
})) {
  test(`${name} is tried again, and signs nobody out`, async (t) => {
    const { ledger, signedOut, wire } = await signedIn(t);
    let bad = 2;
    wire.hinder = onRefresh(() => (bad-- > 0 ? answer() : undefined));
    assert.ok(await ledger.getAccessToken({ refused: ledger.accessToken }));
    assert.equal(wire.counts.Refresh, 3);
    assert.deepEqual(signedOut, []);
  });
}

test("it is not asked again before Retry-After", async (t) => {
  const { ledger, wire } = await signedIn(t);
  const times = [];
  wire.hinder = onRefresh(() => {
    times.push(performance.now());
    return times.length === 1 ? json(503, {}, { "Retry-After": "2" }) : undefined;
  });
  assert.ok(await ledger.getAccessToken({ refused: ledger.accessToken }));
  assert.ok(times[1] - times[0] >= 1_990, `${times[1] - times[0]}`);
});

test("RATE_LIMITED signs nobody out", async (t) => {
  const { ledger, signedOut } = await signedIn(t, { clientId: "limited", timeoutMs: 2_000 });
  assert.ok(await ledger.getAccessToken({ refused: ledger.accessToken }));
  await assert.rejects(ledger.getAccessToken({ refused: ledger.accessToken }), (error) => {
    assert.deepEqual([error.code, error.terminal, error.retryable], ["RATE_LIMITED", false, true]);
    assert.ok(error.retryAfterMs > 60_000);
    return true;
  });
  assert.deepEqual(signedOut, []);
  assert.notEqual(ledger.session, null);
});

test("a suspended user is told so at once, and goes on after reactivation", async (t) => {
  const { ada, ledger, signedOut, storage } = await signedIn(t);
  const login = `mutation ($assertion: String!) {
    login(input: { assertion: $assertion, transport: BODY }) { ... on TokenPair { accessToken } }
  }`;
  const root = (await ask(login, { assertion: administrator() })).login.accessToken;
  const change = (name) =>
    ask(`mutation { ${name}(subject: "${ada.subject}", reason: "a test") { ... on Subject { status } } }`, {}, root);
  assert.deepEqual(await change("suspendSubject"), { suspendSubject: { status: "SUSPENDED" } });
  const stored = storage.held;
  const before = performance.now();
  await assert.rejects(ledger.getAccessToken({ refused: ledger.accessToken }), {
    code: "SUBJECT_INACTIVE",
    terminal: false,
  });
  assert.ok(performance.now() - before < 3_000);
  assert.deepEqual([signedOut, storage.held], [[], stored]);
  await change("reactivateSubject");
  assert.ok(await ledger.getAccessToken());
});

test("another client's token is left where it is", async (t) => {
  const { storage } = await signedIn(t);
  const stored = storage.held;
  const other = bodyLedger(t, { storage, clientId: "quick" });
  await assert.rejects(other.getAccessToken(), { code: "CLIENT_MISMATCH", terminal: false });
  assert.equal(storage.held, stored);
});

test("a storage that fails loses nothing", async (t) => {
  const { ledger, signedOut, storage, wire } = await signedIn(t, { clientId: "strict" });
  const { set } = storage;
  storage.set = () => Promise.reject(new Error("quota exceeded"));
  await assert.rejects(ledger.getAccessToken({ refused: ledger.accessToken }), (error) => {
    assert.deepEqual([error.code, error.retryable], ["STORAGE", true]);
    assert.match(error.message, /quota exceeded/);
    return true;
  });
  await delay(50);
  storage.set = set;
  assert.ok(await ledger.getAccessToken());
  assert.deepEqual([signedOut, wire.counts.Refresh], [[], 2]);
  assert.equal((await refreshAsThief(storage.held)).outcome, "ROTATED");
});

test("a refresh token is stored though nothing else of its answer can be used", async (t) => {
  const { ledger, signedOut, storage, wire } = await signedIn(t, { clientId: "strict" });
  const first = storage.held;
  let spoilt = null;
  wire.hinder = onRefresh(async (init, send) => {
    if (spoilt !== null) return undefined;
    const { data } = await (await send()).json();
    spoilt = data.refresh.refreshToken;
    return json(200, { data: { refresh: { ...data.refresh, accessToken: "not.a.token" } } });
  });
  assert.ok(await ledger.getAccessToken({ refused: ledger.accessToken }));
  assert.equal(new Set([first, spoilt, storage.held]).size, 3);
  assert.deepEqual(signedOut, []);
});

test("a refresh token is stored before the access token is given out", async (t) => {
  const { ledger, storage } = await signedIn(t);
  const { set } = storage;
  let stored = false;
  storage.set = async function slowly(token) {
    await delay(100);
    stored = true;
    set.call(this, token);
  };
  await ledger.getAccessToken({ refused: ledger.accessToken });
  assert.ok(stored);
});
