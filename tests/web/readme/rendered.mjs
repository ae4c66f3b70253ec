import assert from "node:assert/strict";

// the snippet with "typeof document"

assert.deepEqual([ledger, await currentUser()], [null, null]);
