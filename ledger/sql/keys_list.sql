-- All keys without their private parts.
-- No parameters. A row is a key, by kind, then oldest first.
SELECT kid, kind, algorithm, state, number, public_jwk, created_at, current_at, retiring_at, revoked_at
FROM keys
ORDER BY kind, created_at, kid
