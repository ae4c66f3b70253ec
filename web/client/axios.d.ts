import type { AxiosInstance } from "axios";
import type { TokenLedger } from "./token-ledger.js";

/**
 * Let an axios instance send the access token to the origins that the client allows, refresh it once where it is not
 * taken, and send the request again. Requests fail with a TokenLedgerError where no token could be got.
 *
 * @returns what takes the interceptors away again
 */
export function attachTokenLedger(instance: AxiosInstance, ledger: TokenLedger): () => void;
