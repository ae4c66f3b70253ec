// Compiled and not run: the declarations fit the libraries and one another.
import { ApolloClient, HttpLink, InMemoryCache } from "@apollo/client";
import { cacheExchange, Client, fetchExchange } from "@urql/core";
import axios from "axios";

import { createTokenLedger, TokenLedgerError, type Session, type TokenLedger } from "@token-ledger/client";
import { tokenLedgerLink } from "@token-ledger/client/apollo";
import { attachTokenLedger } from "@token-ledger/client/axios";
import { tokenLedgerClient } from "@token-ledger/client/graphql-request";
import { tokenLedgerExchange } from "@token-ledger/client/urql";

const storage = {
  get: () => localStorage.getItem("refresh token"),
  set: (token: string) => localStorage.setItem("refresh token", token),
  remove: async () => localStorage.removeItem("refresh token"),
};
const ledger: TokenLedger = createTokenLedger({ url: "https://auth.example.com/graphql", transport: "body", storage });
const session: Session = await ledger.login({ assertion: "…", deviceLabel: "a phone" });
const token: string | null = await ledger.getAccessToken({ refused: "…", signal: AbortSignal.timeout(1) });
const answer: Response = await ledger.fetch(new URL("https://auth.example.com/orders"), { method: "POST" });
const stopListening: () => void = ledger.onSignedOut(({ reason, endedReason }) => console.log(reason, endedReason));
try {
  const { revokedSessions } = await ledger.logout("ALL");
  console.log(revokedSessions, session.subject, token, answer.status);
} catch (error) {
  if (error instanceof TokenLedgerError && error.retryable) console.log(error.code, error.retryAfterMs);
}
stopListening();
// @ts-expect-error there is no such scope
await ledger.logout("EVERYTHING");
// @ts-expect-error a token cannot be set
ledger.session = null;

const detach: () => void = attachTokenLedger(axios.create(), ledger);
detach();
const exchanges = [cacheExchange, tokenLedgerExchange(ledger), fetchExchange];
new Client({ url: ledger.url, exchanges, preferGetMethod: false });
const link = tokenLedgerLink(ledger).concat(new HttpLink({ uri: ledger.url }));
new ApolloClient({ cache: new InMemoryCache(), link });
const { me } = await tokenLedgerClient(ledger, { headers: { a: "b" } }).request<{ me: { id: string } }>(
  "{ me { id } }",
);
console.log(me.id);
