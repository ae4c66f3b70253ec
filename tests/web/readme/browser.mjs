import assert from "node:assert/strict";

import { ada, assertionOfTheIdentityProvider, becomeABrowser, serveOrders } from "./surroundings.mjs";

becomeABrowser();
await serveOrders();
const shown = [];
const showSignIn = (reason) => shown.push(reason);

// the snippet with "allowedOrigins"

assert.equal(await response.text(), `Bearer ${ledger.accessToken}`);
assert.equal(ledger.session.subject, ada.subject);
assert.deepEqual(await ledger.logout("THIS"), { revokedSessions: 1 });
assert.deepEqual(shown, ["LOGOUT"]);
