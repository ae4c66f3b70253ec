-- The sealed events of one stream, with what lies beside each.
-- Parameters: stream_id uuid, after int (exclusive version), maximum int.
-- A row is as in sealed_events, oldest first; no row: the stream is unknown, or nothing of it is sealed yet.
SELECT
  l.leaf_index, l.stream_id, l.version, l.leaf_hash, e.type, e.schema_version, e.occurred_at, e.recorded_at,
  e.actor, e.client_id, e.correlation_id, e.causation, e.payload, e.personal_data, e.previous, p.salt, p.data
FROM log AS l
LEFT JOIN events AS e ON e.stream_id = l.stream_id AND e.version = l.version
LEFT JOIN personal_data AS p ON p.stream_id = e.stream_id AND p.version = e.version
WHERE l.stream_id = %(stream_id)s
  AND l.version > %(after)s
ORDER BY l.version
LIMIT %(maximum)s
