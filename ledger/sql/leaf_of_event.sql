-- The place of an event in the log.
-- Parameters: stream_id uuid, version int.
-- One row; no row: it is unknown or not sealed yet.
SELECT leaf_index, leaf_hash
FROM log
WHERE stream_id = %(stream_id)s
  AND version = %(version)s
