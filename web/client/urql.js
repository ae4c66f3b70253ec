// @ts-check
/** Access tokens for urql, by its authExchange. */
import { authExchange } from "@urql/exchange-auth";

/** @param {import("./token-ledger.js").TokenLedger} ledger */
export function tokenLedgerExchange(ledger) {
  return authExchange(async ({ appendHeaders }) => {
    /** @type {string | undefined} */
    let refused;
    await ledger.getAccessToken();
    return {
      addAuthToOperation(operation) {
        const token = ledger.accessToken;
        if (token === null || !ledger.isAllowed(operation.context.url)) return operation;
        return appendHeaders(operation, { Authorization: `Bearer ${token}` });
      },
      willAuthError: () => ledger.session !== null && ledger.accessToken === null,
      didAuthError(error, operation) {
        const { fetchOptions } = operation.context;
        const headers = new Headers((typeof fetchOptions === "function" ? fetchOptions() : fetchOptions)?.headers);
        refused = headers.get("Authorization")?.replace("Bearer ", "");
        if (refused === undefined) return false;
        return (
          error.response?.status === 401 ||
          error.graphQLErrors.some(({ extensions }) => extensions?.code === "UNAUTHENTICATED")
        );
      },
      async refreshAuth() {
        await ledger.getAccessToken({ refused });
      },
    };
  });
}
