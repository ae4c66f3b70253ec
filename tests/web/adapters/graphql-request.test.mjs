import { tokenLedgerClient } from "@token-ledger/client/graphql-request";

import { trial } from "./trial.mjs";

trial("graphql-request", (ledger) => {
  const client = tokenLedgerClient(ledger);
  return async () => (await client.request("{ me { id } }")).me;
});
