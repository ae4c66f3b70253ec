import assert from "node:assert/strict";

import { ada, assertionOfTheIdentityProvider, becomeABrowser } from "./surroundings.mjs";

becomeABrowser();
const assertion = await assertionOfTheIdentityProvider();
const showSignIn = () => assert.fail("nobody was signed out");
const graphql = (query) => ({
  method: "POST",
  headers: { "Content-Type": "application/json" },
  body: JSON.stringify({ query }),
});

// the snippet with "graphql("

assert.deepEqual(await response.json(), { data: { me: { id: ada.subject } } });
