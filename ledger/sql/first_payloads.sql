-- What the first event of each stream says.
-- Parameters: stream_ids uuid[].
-- A row is a stream; none for one that is unknown or was removed by retention.
SELECT stream_id, payload
FROM events
WHERE stream_id = ANY(%(stream_ids)b)
  AND version = 1
