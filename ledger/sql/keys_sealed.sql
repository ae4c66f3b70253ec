-- The keys that are not revoked, and those of the log, with their sealed private parts.
-- No parameters. A row is a key, oldest first.
SELECT kid, kind, state, number, sealed_private, retiring_at
FROM keys
WHERE state <> 'revoked'
  OR kind = 'log'
ORDER BY created_at, kid
