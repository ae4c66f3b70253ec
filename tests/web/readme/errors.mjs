import assert from "node:assert/strict";

import { ada, unsigned } from "./surroundings.mjs";

const assertion = ada.assertions.pop();
const assertionOfTheIdentityProvider = async () => assertion;
const shown = [];
const showMessage = (text) => shown.push(text);

// the snippet with "instanceof TokenLedgerError"

assert.equal((await signIn(unsigned())).subject, ada.subject);
assert.equal(await signIn(unsigned()), null);
assert.equal(await signIn(unsigned("http://127.0.0.1:9/graphql")), null);
assert.match(shown[0], /^ASSERTION_INVALID: /);
assert.equal(shown[1], "The service cannot be reached. Try again.");
