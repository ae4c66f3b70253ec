import assert from "node:assert/strict";

import { ada, signedIn } from "./surroundings.mjs";

const ledger = await signedIn(ada);

// the snippet with "tokenLedgerClient"

assert.equal(me.id, ada.subject);
