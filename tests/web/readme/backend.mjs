import assert from "node:assert/strict";

import { ada, bob, me, opened } from "./surroundings.mjs";

// the snippet with "ledgerOf"

const sessions = [];
for (const person of [ada, bob]) sessions.push({ id: sessions.length, refreshToken: await opened(person) });
const before = sessions.map(({ refreshToken }) => refreshToken);
const told = await Promise.all([...sessions, ...sessions].map((session) => me(ledgerOf(session))));
assert.deepEqual(told, [ada.subject, bob.subject, ada.subject, bob.subject]);
assert.ok(sessions.every(({ refreshToken }, index) => refreshToken && refreshToken !== before[index]));
await ledgerOf(sessions[0]).logout();
assert.deepEqual([...ledgers.keys()], [1]);
assert.equal(sessions[0].refreshToken, undefined);
assert.equal(await ledgerOf(sessions[0]).getAccessToken(), null);
