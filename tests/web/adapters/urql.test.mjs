import { Client, fetchExchange, gql } from "@urql/core";

import { tokenLedgerExchange } from "@token-ledger/client/urql";

import { trial } from "./trial.mjs";

trial("urql", (ledger) => {
  const client = new Client({
    url: ledger.url,
    preferGetMethod: false,
    requestPolicy: "network-only",
    exchanges: [tokenLedgerExchange(ledger), fetchExchange],
  });
  let asked = 0;
  return async () => {
    // Equal operations that are under way are one for urql, so that each gets a name of its own.
    const result = await client.query(gql(`query Me${(asked += 1)} { me { id } }`), {}).toPromise();
    if (result.error) throw result.error;
    return { id: result.data.me.id };
  };
});
