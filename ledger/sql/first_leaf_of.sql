-- The first place of a stream in the log.
-- Parameters: stream_id uuid.
-- One row; null where it has none.
SELECT min(leaf_index)
FROM log
WHERE stream_id = %(stream_id)s
