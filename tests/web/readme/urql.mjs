import assert from "node:assert/strict";

import { ada, signedIn } from "./surroundings.mjs";

const ledger = await signedIn(ada);

// the snippet with "tokenLedgerExchange"

const result = await client.query("{ me { id } }", {}).toPromise();
assert.equal(result.data.me.id, ada.subject);
