-- The keys that are not revoked, with their sealed private parts.
-- No parameters. A row is a key, oldest first.
SELECT kid, kind, state, number, sealed_private, retiring_at
FROM keys
WHERE state <> 'revoked'
ORDER BY created_at, kid
