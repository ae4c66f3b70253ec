-- Whether some process holds the sweeper's lock in this database.
-- Parameter: lock bigint. One row.
SELECT EXISTS (
  SELECT
  FROM pg_locks
  WHERE locktype = 'advisory'
    AND granted
    AND objsubid = 1
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND (classid::bigint << 32) + objid::bigint = %(lock)s
)
