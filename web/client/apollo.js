// @ts-check
/** Access tokens for Apollo Client, by links. */
import { ApolloLink } from "@apollo/client/link";
import { SetContextLink } from "@apollo/client/link/context";
import { ErrorLink } from "@apollo/client/link/error";
import { CombinedGraphQLErrors, ServerError } from "@apollo/client/errors";
import { from, mergeMap, of, throwError } from "rxjs";

/** @param {import("./token-ledger.js").TokenLedger} ledger */
export function tokenLedgerLink(ledger) {
  const sendAgain = new ErrorLink(({ error, result, operation, forward }) => {
    const refused = operation.getContext().tokenLedgerSentWith;
    if (!refused || !isUnauthenticated(error)) return undefined;
    return from(ledger.getAccessToken({ refused })).pipe(
      mergeMap((token) => {
        if (token !== null) return forward(operation);
        return result ? of(result) : throwError(() => error);
      }),
    );
  });
  const authorize = new SetContextLink(async ({ headers = {}, tokenLedgerSentWith, uri }) => {
    const isOurs = tokenLedgerSentWith !== undefined || !("authorization" in headers || "Authorization" in headers);
    if (!isOurs || (uri && !ledger.isAllowed(String(uri)))) return {};
    const token = await ledger.getAccessToken();
    if (token === null) return {};
    return { headers: { ...headers, authorization: `Bearer ${token}` }, tokenLedgerSentWith: token };
  });
  return ApolloLink.from([sendAgain, authorize]);
}

/** @param {unknown} error */
function isUnauthenticated(error) {
  if (ServerError.is(error)) return error.statusCode === 401;
  return (
    CombinedGraphQLErrors.is(error) && error.errors.some(({ extensions }) => extensions?.code === "UNAUTHENTICATED")
  );
}
