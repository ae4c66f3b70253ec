-- Transactions under way that may have read the status of a subject before it was erased: they wrote to subjects, or
-- locked it as `hold_off_erasures` does, which both last until they end.
-- No parameters. A row is the virtual id of a transaction, never used twice; no row: there is none.
SELECT virtualtransaction
FROM pg_locks
WHERE locktype = 'relation'
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND relation = 'subjects'::regclass
  AND mode = 'RowExclusiveLock'
  AND granted
  AND pid <> pg_backend_pid()
