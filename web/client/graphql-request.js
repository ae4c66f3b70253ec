// @ts-check
/** Access tokens for graphql-request: its requests go through `ledger.fetch`. */
import { GraphQLClient } from "graphql-request";

/**
 * @param {import("./token-ledger.js").TokenLedger} ledger
 * @param {import("./graphql-request.js").Options} [options]
 */
export function tokenLedgerClient(ledger, { url = ledger.url, ...config } = {}) {
  return new GraphQLClient(url, { ...config, fetch: ledger.fetch });
}
