import assert from "node:assert/strict";

import { ada, signedIn } from "./surroundings.mjs";

const ledger = await signedIn(ada);

// the snippet with "attachTokenLedger"

assert.equal(data.data.me.id, ada.subject);
