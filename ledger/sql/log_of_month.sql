-- What the log has of a month.
-- Parameters: lower and upper uuid (exclusive).
-- One row: leaves, the first and the last index; both null where there is none.
SELECT count(*), min(leaf_index), max(leaf_index)
FROM log
WHERE stream_id >= %(lower)s
  AND stream_id < %(upper)s
