import type { ApolloLink } from "@apollo/client/link";
import type { TokenLedger } from "./token-ledger.js";

/**
 * A link, to stand before an `HttpLink` of an address that may see the token, that sends the access token, refreshes it
 * once where it is not taken, and sends the operation again. Operations fail with a TokenLedgerError where no token could
 * be got.
 */
export function tokenLedgerLink(ledger: TokenLedger): ApolloLink;
