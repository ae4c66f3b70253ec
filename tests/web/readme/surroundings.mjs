// What the README's snippets find around them: people who can sign in, a browser's cookies, a server of orders.
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { basename } from "node:path";

import { createTokenLedger } from "@token-ledger/client";

/** `url`, `orders` (a port) and `people` by file, written by the test that runs these files. */
const service = JSON.parse(readFileSync(process.env.TOKEN_LEDGER_TEST_SERVICE, "utf8"));
const people = service.people[basename(process.argv[1])];

export const url = `${service.url}/graphql`;

/** Who signs in next, and whose assertion it is. */
export const ada = people[0];
export const bob = people[1];

export const assertionOfTheIdentityProvider = async () => ada.assertions.pop();

/** From now on `fetch` keeps cookies and names the page's origin, as a browser does. */
export function becomeABrowser() {
  const { fetch } = globalThis;
  let cookie = null;
  globalThis.fetch = async (input, init = {}) => {
    if (init.credentials !== "include") return fetch(input, init);
    const headers = { ...init.headers, Origin: service.url, ...(cookie ? { Cookie: cookie } : {}) };
    const response = await fetch(input, { ...init, headers });
    for (const line of response.headers.getSetCookie()) [cookie] = line.split(";");
    return response;
  };
}

/** Serves the Authorization header of each request. */
export async function serveOrders() {
  const server = createServer((request, response) => response.end(request.headers.authorization ?? "nobody"));
  await new Promise((resolve) => server.listen(service.orders, "127.0.0.1", resolve));
  server.unref();
}

/** A client that somebody has signed in with. */
export async function signedIn({ assertions }) {
  const ledger = unsigned();
  await ledger.login(assertions.pop());
  return ledger;
}

/** A client that nobody has signed in with. */
export function unsigned(address = url) {
  let held = null;
  const storage = { get: () => held, set: (token) => (held = token), remove: () => (held = null) };
  return createTokenLedger({ url: address, transport: "body", storage, timeoutMs: 5_000 });
}

/** The refresh token of a session that a backend has opened. */
export async function opened({ assertions }) {
  const query = `mutation ($assertion: String!) {
    login(input: { assertion: $assertion, transport: BODY }) { ... on TokenPair { refreshToken } }
  }`;
  const response = await fetch(url, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ query, variables: { assertion: assertions.pop() } }),
  });
  return (await response.json()).data.login.refreshToken;
}

/** Who the service takes the user of a client for. */
export async function me(ledger) {
  const response = await ledger.fetch(url, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ query: "{ me { id } }" }),
  });
  return (await response.json()).data?.me?.id ?? null;
}
