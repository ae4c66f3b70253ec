import type { GraphQLClient } from "graphql-request";
import type { TokenLedger } from "./token-ledger.js";

/** Those of GraphQLClient, and `url`; default: the client's own address. */
export type Options = { url?: string } & Omit<NonNullable<ConstructorParameters<typeof GraphQLClient>[1]>, "fetch">;

/**
 * A GraphQLClient that sends the access token to the origins that the client allows, refreshes it once where it is not
 * taken, and sends the request again. Requests fail with a TokenLedgerError where no token could be got.
 */
export function tokenLedgerClient(ledger: TokenLedger, options?: Options): GraphQLClient;
