import assert from "node:assert/strict";
import { test } from "node:test";

import { ApolloClient, gql, HttpLink, InMemoryCache } from "@apollo/client";

import { createTokenLedger } from "@token-ledger/client";
import { tokenLedgerLink } from "@token-ledger/client/apollo";

import { trial } from "./trial.mjs";

trial("Apollo Client", (ledger) => {
  const client = new ApolloClient({
    cache: new InMemoryCache(),
    link: tokenLedgerLink(ledger).concat(new HttpLink({ uri: ledger.url })),
  });
  return async () => {
    const options = { fetchPolicy: "network-only", context: { queryDeduplication: false } };
    const { data } = await client.query({ query: gql("{ me { id } }"), ...options });
    return { id: data.me.id };
  };
});

test("Apollo Client: an operation that names another origin is not sent the token", async (t) => {
  const storage = { get: () => null, set: () => {}, remove: () => {} };
  const ledger = createTokenLedger({ url: "https://auth.example.com/graphql", transport: "body", storage });
  t.after(() => ledger.close());
  ledger.getAccessToken = async () => "token";
  const sent = [];
  const fetch = async (uri, { headers }) => {
    sent.push(new Headers(headers).get("authorization"));
    return new Response('{"data":{"me":null}}', { headers: { "Content-Type": "application/json" } });
  };
  const link = tokenLedgerLink(ledger).concat(new HttpLink({ uri: ledger.url, fetch }));
  const client = new ApolloClient({ cache: new InMemoryCache(), link });
  const evil = "https://evil.example/graphql";
  for (const uri of [undefined, ledger.url, evil, new URL(evil)]) {
    await client.query({ query: gql("{ me { id } }"), fetchPolicy: "network-only", context: { uri } });
  }
  assert.deepEqual(sent, ["Bearer token", "Bearer token", null, null]);
});
