import assert from "node:assert/strict";
import { test } from "node:test";

import axios from "axios";

import { createTokenLedger } from "@token-ledger/client";
import { attachTokenLedger } from "@token-ledger/client/axios";

import { trial } from "./trial.mjs";

trial("axios", (ledger) => {
  const instance = axios.create({ baseURL: new URL("/", ledger.url).href });
  attachTokenLedger(instance, ledger);
  return async () => (await instance.post("/graphql", { query: "{ me { id } }" })).data.data.me;
});

test("axios: another origin is not sent the token, and who detaches sends none", async (t) => {
  const storage = { get: () => null, set: () => {}, remove: () => {} };
  const ledger = createTokenLedger({ url: "https://auth.example.com/graphql", transport: "body", storage });
  t.after(() => ledger.close());
  ledger.getAccessToken = async () => "token";
  const sent = [];
  const adapter = async (config) => {
    sent.push(config.headers.get("Authorization") ?? null);
    return { status: 200, data: {}, headers: {}, config };
  };
  const instance = axios.create({ adapter });
  const detach = attachTokenLedger(instance, ledger);
  await instance.get("https://auth.example.com/a");
  await instance.get("https://evil.example/a");
  await instance.get("/a", { baseURL: "https://evil.example" });
  detach();
  await instance.get("https://auth.example.com/a");
  assert.deepEqual(sent, ["Bearer token", null, null, null]);
});
