import type { Exchange } from "@urql/core";
import type { TokenLedger } from "./token-ledger.js";

/**
 * An exchange, to stand before `fetchExchange`, that sends the access token, refreshes it once where it is not taken, and
 * sends the operation again. Results have a TokenLedgerError as their network error where no token could be got.
 */
export function tokenLedgerExchange(ledger: TokenLedger): Exchange;
