import assert from "node:assert/strict";

import { ada, assertionOfTheIdentityProvider, me } from "./surroundings.mjs";

// the snippet with "SecureStore"

assert.equal(ledger.session.clientId, "phone");
const stored = await SecureStore.getItemAsync("token-ledger");
assert.match(stored, /^tlrt_/);
assert.ok(await ledger.getAccessToken({ refused: ledger.accessToken }));
assert.notEqual(await SecureStore.getItemAsync("token-ledger"), stored);
assert.equal(await me(ledger), ada.subject);
await ledger.logout();
assert.equal(await SecureStore.getItemAsync("token-ledger"), null);
