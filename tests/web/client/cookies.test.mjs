// Cookie mode, with a jar and an Origin header where a browser has them.
import assert from "node:assert/strict";
import { test } from "node:test";

import { createTokenLedger } from "../../../web/client/token-ledger.js";
import { delay, LATE, me, somebody, TIMEOUT, until, url, watched } from "./service.mjs";

/** A browser's part: keeps the cookie, sends it where credentials are included, and names the origin. */
function browser() {
  const wire = watched();
  const jar = { cookie: null };
  wire.hinder = async (asked, init, send) => {
    if (asked === null) return undefined;
    assert.equal(init.credentials, "include");
    const headers = { ...init.headers, Origin: new URL(url).origin };
    const response = await send({ ...init, headers: jar.cookie ? { ...headers, Cookie: jar.cookie } : headers });
    for (const line of response.headers.getSetCookie()) {
      const [pair] = line.split(";");
      jar.cookie = pair.endsWith("=") ? null : pair;
    }
    return response;
  };
  return { jar, wire };
}

function ledgerOf(t, { wire }, options = {}) {
  const ledger = createTokenLedger({ url, fetch: wire.fetch, timeoutMs: 5_000, ...options });
  t.after(() => ledger.close());
  const told = [];
  ledger.onSignedOut(({ reason }) => told.push(reason));
  return { ledger, told };
}

/** End the sessions that somebody has by now. */
async function endElsewhere(t, { assertions }) {
  const { ledger } = ledgerOf(t, browser(), { name: "elsewhere" });
  await ledger.login(assertions.pop());
  await ledger.logout("OTHERS");
}

/** From now on answers to refreshes take their time on the way back. */
function answerRefreshesLate({ wire }) {
  const { hinder } = wire;
  wire.hinder = async (asked, init, send) => {
    const response = await hinder(asked, init, send);
    if (asked === "Refresh") await delay(LATE);
    return response;
  };
}

test("sign in, a new page, refresh, sign out", async (t) => {
  const ada = somebody();
  const own = browser();
  const { ledger } = ledgerOf(t, own);
  await ledger.login(ada.assertions.pop());
  assert.match(own.jar.cookie, /^token-ledger=tlrt_/);
  const page = ledgerOf(t, own);
  assert.equal(page.ledger.session, null);
  assert.deepEqual(await me(page.ledger), { status: 200, id: ada.subject });
  assert.equal(page.ledger.session.id, ledger.session.id);
  assert.deepEqual(await page.ledger.logout(), { revokedSessions: 1 });
  assert.equal(own.jar.cookie, null);
  assert.equal(await page.ledger.getAccessToken(), null);
  assert.equal(await ledger.getAccessToken({ refused: ledger.accessToken }), null);
  assert.deepEqual([page.told, ledger.session], [["LOGOUT"], null]);
});

test("where nobody is signed in the service is asked once", async (t) => {
  const own = browser();
  const { ledger, told } = ledgerOf(t, own);
  assert.deepEqual([await ledger.getAccessToken(), await ledger.getAccessToken()], [null, null]);
  assert.deepEqual([told, own.wire.counts.Refresh], [[], 1]);
  assert.deepEqual(await ledger.logout(), { revokedSessions: 0 });
  await assert.rejects(ledger.logout("ALL"), { code: "TOKEN_MISSING", terminal: true });
});

test("a cookie that is gone signs out", async (t) => {
  const own = browser();
  const { ledger, told } = ledgerOf(t, own);
  await ledger.login(somebody().assertions.pop());
  own.jar.cookie = null;
  assert.equal(await ledger.getAccessToken({ refused: ledger.accessToken }), null);
  assert.deepEqual(told, ["TOKEN_MISSING"]);
});

test("a terminal answer that was asked for before a newer sign-in ends nothing", async (t) => {
  const ada = somebody();
  const own = browser();
  const { ledger, told } = ledgerOf(t, own, { timeoutMs: TIMEOUT });
  await ledger.login(ada.assertions.pop());
  await endElsewhere(t, ada);
  answerRefreshesLate(own);
  const waiting = ledger.getAccessToken({ refused: ledger.accessToken });
  await delay(20);
  const session = await ledger.login(ada.assertions.pop());
  assert.equal(await waiting, ledger.accessToken);
  assert.deepEqual([ledger.session, told], [session, []]);
});

test("an answer that was asked for before a sign-out brings nobody back", async (t) => {
  const own = browser();
  const { ledger, told } = ledgerOf(t, own, { timeoutMs: TIMEOUT });
  await ledger.login(somebody().assertions.pop());
  answerRefreshesLate(own);
  const waiting = ledger.getAccessToken({ refused: ledger.accessToken });
  await delay(100);
  await ledger.logout();
  assert.equal(await waiting, null);
  assert.deepEqual([ledger.session, told], [null, ["LOGOUT"]]);
});

test("a terminal answer that was asked for before a sign-in in another tab ends nothing", async (t) => {
  globalThis.location = { href: url };
  t.after(() => delete globalThis.location);
  const ada = somebody();
  const own = browser();
  const [one, two] = [ledgerOf(t, own), ledgerOf(t, own)];
  await one.ledger.login(ada.assertions.pop());
  await until(() => two.ledger.session !== null);
  await endElsewhere(t, ada);
  answerRefreshesLate(own);
  const waiting = one.ledger.getAccessToken({ refused: one.ledger.accessToken });
  await delay(500);
  const session = await two.ledger.login(ada.assertions.pop());
  await until(() => one.ledger.session.id === session.id);
  assert.equal(await waiting, two.ledger.accessToken);
  assert.deepEqual([one.ledger.session, one.told, two.told], [session, [], []]);
});

test("a new page that refreshes while another signs out does not take the ended session over", async (t) => {
  globalThis.location = { href: url };
  t.after(() => delete globalThis.location);
  const own = browser();
  const one = ledgerOf(t, own);
  await one.ledger.login(somebody().assertions.pop());
  const { BroadcastChannel } = globalThis;
  globalThis.BroadcastChannel = class extends BroadcastChannel {
    postMessage(message) {
      if (message.type !== "ask") super.postMessage(message); // it does not hear who is signed in
    }
  };
  const two = ledgerOf(t, own);
  globalThis.BroadcastChannel = BroadcastChannel;
  answerRefreshesLate(own);
  const waiting = two.ledger.getAccessToken();
  await delay(500);
  await one.ledger.logout();
  assert.equal(await waiting, null);
  assert.deepEqual([two.ledger.session, one.told, two.told], [null, ["LOGOUT"], []]);
});

test("a page whose origin is not allowed is told, and signs nobody out", async (t) => {
  const own = browser();
  const { ledger, told } = ledgerOf(t, own);
  await ledger.login(somebody().assertions.pop());
  const { hinder } = own.wire;
  own.wire.hinder = (asked, init, send) =>
    hinder(asked, init, (changed) =>
      send({ ...changed, headers: { ...changed.headers, Origin: "https://evil.example" } }),
    );
  await assert.rejects(ledger.getAccessToken({ refused: ledger.accessToken }), (error) => {
    assert.deepEqual([error.code, error.terminal, error.retryable], ["CSRF_FAILED", false, false]);
    assert.match(error.message, /ALLOWED_ORIGINS/);
    return true;
  });
  assert.deepEqual(told, []);
  own.wire.hinder = hinder;
  assert.ok(await ledger.getAccessToken());
});
