import assert from "node:assert/strict";

import { ada, becomeABrowser } from "./surroundings.mjs";

becomeABrowser();
globalThis.document = {};

// the snippet with "typeof document"

assert.equal(await currentUser(), null);
await ledger.login(ada.assertions.pop());
assert.equal(await currentUser(), ada.subject);
