import assert from "node:assert/strict";

import { gql } from "@apollo/client";

import { ada, signedIn } from "./surroundings.mjs";

const ledger = await signedIn(ada);

// the snippet with "tokenLedgerLink"

const { data } = await client.query({ query: gql("{ me { id } }") });
assert.equal(data.me.id, ada.subject);
