// Access tokens: when the service is asked for one, and who is sent it.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { test } from "node:test";

import { createTokenLedger, TokenLedgerError } from "../../../web/client/token-ledger.js";
import { bodyLedger, delay, me, memory, shiftClock, somebody, until, url, watched } from "./service.mjs";

/** A server of another origin that notes the Authorization headers it gets. */
async function resourceServer(t, answer = () => ({ status: 200, body: {} })) {
  const seen = [];
  const server = createServer((request, response) => {
    seen.push(request.headers.authorization ?? null);
    const { status, body } = answer(seen.length);
    response.writeHead(status, { "Content-Type": "application/json" }).end(JSON.stringify(body));
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => server.close());
  return { seen, url: `http://127.0.0.1:${server.address().port}/` };
}

test("a sign-in gives a session, and a token that the service takes", async (t) => {
  const ada = somebody();
  const ledger = bodyLedger(t, { deviceLabel: "Ada's laptop" });
  assert.equal(await ledger.getAccessToken(), null);
  const session = await ledger.login(ada.assertions.pop());
  assert.deepEqual(ledger.session, session);
  assert.equal(session.subject, ada.subject);
  assert.equal(session.clientId, "web");
  assert.match(session.id, /^[0-9a-f-]{36}$/);
  assert.ok(Date.parse(session.accessTokenExpiresAt) < Date.parse(session.refreshTokenExpiresAt));
  assert.ok(Date.parse(session.refreshTokenExpiresAt) < Date.parse(session.sessionExpiresAt));
  assert.equal(await ledger.getAccessToken(), ledger.accessToken);
  assert.deepEqual(await me(ledger), { status: 200, id: ada.subject });
});

test("a refused assertion says why, and who was signed in stays so", async (t) => {
  const ada = somebody();
  const ledger = bodyLedger(t);
  const assertion = ada.assertions.pop();
  const session = await ledger.login({ assertion });
  await assert.rejects(ledger.login({ assertion }), (error) => {
    assert.ok(error instanceof TokenLedgerError);
    assert.deepEqual([error.name, error.code], ["TokenLedgerError", "ASSERTION_INVALID"]);
    assert.deepEqual([error.terminal, error.retryable], [false, false]);
    assert.ok(error.requestId && error.message);
    return true;
  });
  assert.deepEqual(ledger.session, session);
  await assert.rejects(ledger.login({ assertion, deviceLabel: "x".repeat(101) }), { code: "BAD_USER_INPUT" });
});

test("ten requests after expiry make one refresh", async (t) => {
  const wire = watched();
  const ledger = bodyLedger(t, { fetch: wire.fetch, clientId: "quick" });
  const ada = somebody();
  await ledger.login(ada.assertions.pop());
  const undo = shiftClock(3_600_000);
  try {
    const told = await Promise.all(Array.from({ length: 10 }, () => me(ledger)));
    assert.deepEqual(new Set(told.map(({ id }) => id)), new Set([ada.subject]));
    assert.equal(wire.counts.Refresh, 1);
  } finally {
    undo();
  }
});

test("a token is replaced before it expires, without being asked for", async (t) => {
  const wire = watched();
  const ledger = bodyLedger(t, { fetch: wire.fetch, clientId: "quick" });
  await ledger.login(somebody().assertions.pop());
  const first = ledger.accessToken;
  await until(() => wire.counts.Refresh >= 1 && ledger.accessToken !== first);
  assert.ok(ledger.accessToken);
});

test("without refreshing ahead only who asks refreshes", async (t) => {
  const wire = watched();
  const ledger = bodyLedger(t, { fetch: wire.fetch, clientId: "quick", refreshAhead: false });
  await ledger.login(somebody().assertions.pop());
  await until(() => ledger.accessToken === null);
  assert.equal(wire.counts.Refresh, 0);
  assert.ok(await ledger.getAccessToken());
  assert.equal(wire.counts.Refresh, 1);
});

test("a clock that is wrong by five minutes changes nothing", async (t) => {
  for (const minutes of [-5, 5]) {
    const undo = shiftClock(minutes * 60_000);
    try {
      const wire = watched();
      const ledger = bodyLedger(t, { fetch: wire.fetch });
      await ledger.login(somebody().assertions.pop());
      for (let request = 0; request < 3; request += 1) assert.equal((await me(ledger)).status, 200);
      assert.equal(wire.counts.Refresh, 0);
    } finally {
      undo();
    }
  }
});

test("a clock that is set back does not make a token last longer", async (t) => {
  const wire = watched();
  const ledger = bodyLedger(t, { fetch: wire.fetch, clientId: "quick" });
  wire.hinder = (asked) => (asked === "Refresh" ? Promise.reject(new TypeError("fetch failed")) : undefined);
  await ledger.login(somebody().assertions.pop());
  const undo = shiftClock(-3_600_000);
  try {
    await until(() => ledger.accessToken === null);
  } finally {
    undo();
  }
});

test("a token that is not taken is refreshed once, and the request sent again with its body", async (t) => {
  const wire = watched();
  const ada = somebody();
  const ledger = bodyLedger(t, { fetch: wire.fetch });
  await ledger.login(ada.assertions.pop());
  const spoilt = ledger.accessToken;
  wire.hinder = (asked, init, send) => {
    if (asked !== null || init.headers.get("authorization") !== `Bearer ${spoilt}`) return undefined;
    return send({ ...init, headers: { "Content-Type": "application/json", Authorization: "Bearer x.y.z" } });
  };
  const told = await Promise.all(Array.from({ length: 10 }, () => me(ledger)));
  assert.deepEqual(told, Array(10).fill({ status: 200, id: ada.subject }));
  assert.deepEqual([wire.counts.Refresh, wire.counts.other], [1, 20]);
});

test("a Request is sent again with its body", async (t) => {
  const wire = watched();
  const ada = somebody();
  const ledger = bodyLedger(t);
  await ledger.login(ada.assertions.pop());
  const { seen, url: other } = await resourceServer(t, (count) => ({ status: count === 1 ? 401 : 200, body: {} }));
  const bodies = [];
  const second = bodyLedger(t, {
    storage: memory(),
    allowedOrigins: [other],
    fetch: async (input, init) => {
      if (input instanceof Request) bodies.push(await input.clone().text());
      return fetch(input, init);
    },
  });
  await second.login(ada.assertions.pop());
  const response = await second.fetch(new Request(other, { method: "POST", body: "hello" }));
  assert.equal(response.status, 200);
  assert.deepEqual(bodies, ["hello", "hello"]);
  assert.equal(new Set(seen).size, 2);
  assert.equal(wire.counts.Refresh, 0);
});

test("UNAUTHENTICATED among GraphQL's errors counts as 401, whatever the status", async (t) => {
  const refusal = { data: null, errors: [{ message: "no", extensions: { code: "UNAUTHENTICATED" } }] };
  const { seen, url: other } = await resourceServer(t, (count) => ({ status: 200, body: count === 1 ? refusal : {} }));
  const ledger = bodyLedger(t, { allowedOrigins: [new URL(other).origin] });
  await ledger.login(somebody().assertions.pop());
  const response = await ledger.fetch(other, { method: "POST", body: "{}" });
  assert.deepEqual(await response.json(), {});
  assert.equal(seen.length, 2);
  assert.notEqual(seen[0], seen[1]);
});

test("a server that refuses every token is asked twice, and its answer is given back", async (t) => {
  const { seen, url: other } = await resourceServer(t, () => ({ status: 401, body: { no: true } }));
  const ledger = bodyLedger(t, { allowedOrigins: [other] });
  await ledger.login(somebody().assertions.pop());
  const response = await ledger.fetch(other);
  assert.deepEqual([response.status, await response.json()], [401, { no: true }]);
  assert.equal(seen.length, 2);
  assert.notEqual(ledger.session, null);
});

test("another origin is never sent the token", async (t) => {
  const { seen, url: other } = await resourceServer(t);
  const ledger = bodyLedger(t);
  await ledger.login(somebody().assertions.pop());
  await ledger.fetch(other);
  await ledger.fetch(new URL(other));
  await ledger.fetch(new Request(other));
  assert.deepEqual(seen, [null, null, null]);
  const { host } = new URL(other);
  for (const spelt of [
    ` ${other}`,
    `//${host}/`,
    `\\\\${host}/`,
    `/\\${host}/`,
    `${url}@${host}`.replace("/graphql", ""),
  ]) {
    assert.equal(ledger.isAllowed(spelt), false, spelt);
  }
  assert.equal(ledger.isAllowed("/api/orders"), true);
  assert.equal(ledger.isAllowed(url), true);
});

test("where addresses cannot be taken apart, only plain spellings are trusted", async (t) => {
  const ledger = bodyLedger(t, { allowedOrigins: ["https://api.example.com"] });
  const { URL } = globalThis;
  globalThis.URL = class {
    get origin() {
      throw new Error("not implemented");
    }
  };
  try {
    assert.equal(ledger.isAllowed("https://api.example.com/orders"), true);
    const spellings = [
      "https://api.example.com@evil.example/",
      "https://api.example.com.evil.example/",
      " https://api.example.com/",
    ];
    for (const spelt of [...spellings, "//api.example.com", "/orders", "https://api.example.com\\@evil.example/"]) {
      assert.equal(ledger.isAllowed(spelt), false, spelt);
    }
  } finally {
    globalThis.URL = URL;
  }
});

test("a header that the caller has set is left alone", async (t) => {
  const { seen, url: other } = await resourceServer(t);
  const ledger = bodyLedger(t, { allowedOrigins: [other] });
  await ledger.login(somebody().assertions.pop());
  await ledger.fetch(other, { headers: { Authorization: "Basic abc" } });
  assert.deepEqual(seen, ["Basic abc"]);
});

test("whoever gives up waiting ends nothing else", async (t) => {
  const wire = watched();
  const ledger = bodyLedger(t, { fetch: wire.fetch });
  const ada = somebody();
  await ledger.login(ada.assertions.pop());
  wire.hinder = async (asked) => void (asked === "Refresh" && (await delay(200)));
  const signal = AbortSignal.timeout(50);
  await assert.rejects(ledger.getAccessToken({ refused: ledger.accessToken, signal }), { name: "TimeoutError" });
  assert.ok(await ledger.getAccessToken());
  assert.equal(wire.counts.Refresh, 1);
});

test("wrong options are told", () => {
  const wrong = (options, message) => assert.throws(() => createTokenLedger(options), { name: "TypeError", message });
  wrong({ url, transport: "body" }, /needs a storage/);
  wrong({ url, transport: "header" }, /"cookie" or "body"/);
  wrong({ url, storage: memory() }, /transport "body"/);
  wrong({ url, timeoutMs: 0 }, /timeoutMs/);
  wrong({ url, timeoutMs: Infinity }, /timeoutMs/);
  wrong({ url: "/graphql" }, /no address/);
  wrong({}, /option `url`/);
  wrong({ url, allowedOrigins: ["api.example.com"] }, /no address/);
});
