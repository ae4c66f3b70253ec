import { ApolloClient, gql, HttpLink, InMemoryCache } from "@apollo/client";

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
