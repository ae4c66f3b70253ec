-- What the log says of itself, and how much of it there is.
-- No parameters. One row; no row: the state of the sealer is gone.
SELECT
  next_index, root_hash, origin, note,
  (SELECT coalesce(max(leaf_index) + 1, 0) FROM log)
FROM log_state
