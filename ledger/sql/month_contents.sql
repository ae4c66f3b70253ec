-- What is stored of a month, held to what the log has of it. Reads all of it.
-- Parameters: lower and upper uuid (exclusive).
-- One row: events; their first and last leaf index, null where none is sealed; how many are not sealed; how many
-- that the log has are not there, or are others; and for how many there is personal data.
SELECT
  count(e.stream_id),
  min(l.leaf_index),
  max(l.leaf_index),
  count(*) FILTER (WHERE l.stream_id IS NULL),
  count(*) FILTER (WHERE l.stream_id IS NOT NULL AND e.leaf_hash IS DISTINCT FROM l.leaf_hash),
  (SELECT count(*) FROM personal_data WHERE stream_id >= %(lower)s AND stream_id < %(upper)s)
FROM (
  SELECT stream_id, version, leaf_hash
  FROM events
  WHERE stream_id >= %(lower)s
    AND stream_id < %(upper)s
) AS e
FULL JOIN (
  SELECT stream_id, version, leaf_index, leaf_hash
  FROM log
  WHERE stream_id >= %(lower)s
    AND stream_id < %(upper)s
) AS l ON l.stream_id = e.stream_id AND l.version = e.version
