-- The latest checkpoint.
-- No parameters. One row; no row: nothing is sealed yet.
SELECT origin, next_index, root_hash, signed_at, note
FROM log_state
WHERE note IS NOT NULL
