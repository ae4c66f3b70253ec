// Several clients that hear of one another, as tabs do; here without Web Locks, which Node may lack.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { createTokenLedger } from "../../../web/client/token-ledger.js";
import { delay, me, memory, shiftClock, somebody, until, url, watched } from "./service.mjs";

before(() => {
  globalThis.location = { href: `${new URL(url).origin}/page` };
});
after(() => {
  delete globalThis.location;
});

let browsers = 0;

/** Opens tabs that share a storage; each with what its listener was told. */
function browser(t, options = {}) {
  const storage = memory();
  const name = `browser ${(browsers += 1)}`;
  return () => {
    const wire = watched();
    const ledger = createTokenLedger({ transport: "body", storage, name, fetch: wire.fetch, ...options });
    t.after(() => ledger.close());
    const told = [];
    ledger.onSignedOut((signedOut) => told.push(signedOut.reason));
    return { ledger, told, wire };
  };
}

const refreshes = (tabs) => tabs.reduce((sum, { wire }) => sum + wire.counts.Refresh, 0);

test("the address is the page's, unless it is given", (t) => {
  assert.equal(browser(t)().ledger.url, url);
  assert.equal(browser(t, { url: "/other/graphql" })().ledger.url, url.replace("/graphql", "/other/graphql"));
});

test("a sign-in in one tab is one in all, and a new tab needs no refresh", async (t) => {
  const open = browser(t);
  const [one, two] = [open(), open()];
  const ada = somebody();
  assert.equal(await two.ledger.getAccessToken(), null);
  const session = await one.ledger.login(ada.assertions.pop());
  await until(() => two.ledger.session?.id === session.id);
  const three = open();
  assert.equal(await three.ledger.getAccessToken(), one.ledger.accessToken);
  assert.deepEqual(await me(two.ledger), { status: 200, id: ada.subject });
  assert.equal(refreshes([one, two, three]), 0);
  const bob = somebody();
  const next = await two.ledger.login(bob.assertions.pop());
  await until(() => [one, three].every(({ ledger }) => ledger.session.id === next.id));
  assert.deepEqual([one.told, two.told, three.told], [[], [], []]);
});

test("four tabs with ten requests each after expiry make one refresh", async (t) => {
  const open = browser(t);
  const tabs = [open(), open(), open(), open()];
  const ada = somebody();
  await tabs[0].ledger.login(ada.assertions.pop());
  await until(() => tabs.every(({ ledger }) => ledger.session !== null));
  const undo = shiftClock(3_600_000);
  try {
    const requests = tabs.flatMap(({ ledger }) => Array.from({ length: 10 }, () => me(ledger)));
    assert.deepEqual(new Set((await Promise.all(requests)).map(({ id }) => id)), new Set([ada.subject]));
  } finally {
    undo();
  }
  assert.equal(refreshes(tabs), 1);
});

test("a sign-out is told once in each tab that was signed in", async (t) => {
  const open = browser(t);
  const tabs = [open(), open(), open()];
  await tabs[0].ledger.login(somebody().assertions.pop());
  await until(() => tabs.every(({ ledger }) => ledger.session !== null));
  await tabs[1].ledger.logout();
  await until(() => tabs.every(({ ledger }) => ledger.session === null));
  const late = open();
  assert.equal(await late.ledger.getAccessToken(), null);
  await delay(50);
  assert.deepEqual(
    tabs.map(({ told }) => told),
    [["LOGOUT"], ["LOGOUT"], ["LOGOUT"]],
  );
  assert.deepEqual(late.told, []);
});

test("news of a session that has ended, and older news of one that lives, are no news", async (t) => {
  const open = browser(t);
  const tab = open();
  const channel = new BroadcastChannel(`token-ledger body web browser ${browsers} ${url}`);
  t.after(() => channel.close());
  const heard = [];
  channel.onmessage = ({ data }) => heard.push(data);
  const first = await tab.ledger.login(somebody().assertions.pop());
  await until(() => heard.some(({ type }) => type === "token"));
  const news = heard.find(({ type }) => type === "token");
  channel.postMessage({ ...news, token: "older.x.y", issuedAt: news.issuedAt - 1 });
  await delay(50);
  assert.notEqual(tab.ledger.accessToken, "older.x.y");
  await tab.ledger.logout();
  channel.postMessage({ ...news, issuedAt: news.issuedAt + 1 });
  await delay(50);
  assert.equal(tab.ledger.session, null);
  const second = await tab.ledger.login(somebody().assertions.pop());
  channel.postMessage({ type: "signedOut", sessionId: first.id, signedOut: { reason: "LOGOUT" } });
  await delay(50);
  assert.deepEqual(tab.ledger.session, second);
  channel.postMessage({
    ...news,
    session: second,
    token: "newer.x.y",
    issuedAt: news.issuedAt + 60,
    sentAt: Date.now() - 3_600_000,
  });
  await delay(50);
  assert.equal(tab.ledger.accessToken, null, "a message that lay about for an hour brings no good token");
});

test("another name, client or address is another user", async (t) => {
  const one = browser(t)();
  const two = browser(t)();
  await one.ledger.login(somebody().assertions.pop());
  await delay(50);
  assert.equal(two.ledger.session, null);
  assert.equal(await two.ledger.getAccessToken(), null);
});

test("outside a browser clients share nothing", async (t) => {
  const { location } = globalThis;
  delete globalThis.location;
  try {
    const open = browser(t, { url });
    const [one, two] = [open(), open()];
    await one.ledger.login(somebody().assertions.pop());
    await delay(50);
    assert.equal(two.ledger.session, null);
  } finally {
    globalThis.location = location;
  }
});

test("where channels are forbidden it works alone", async (t) => {
  const { BroadcastChannel } = globalThis;
  globalThis.BroadcastChannel = class {
    constructor() {
      throw new Error("forbidden");
    }
  };
  t.after(() => {
    globalThis.BroadcastChannel = BroadcastChannel;
  });
  const { ledger } = browser(t)();
  await ledger.login(somebody().assertions.pop());
  assert.ok(await ledger.getAccessToken({ refused: ledger.accessToken }));
});
