-- The events of one stream, with the personal data beside them and their places in the log.
-- Parameters: stream_id uuid, after int (exclusive version), maximum int.
-- A row is an event, oldest first; data is null where there was none or it was erased, leaf_index until it is
-- sealed.
SELECT
  e.stream_id, e.version, e.type, e.schema_version, e.occurred_at, e.recorded_at, e.actor, e.client_id,
  e.correlation_id, e.causation, e.payload, e.personal_data, e.previous, e.leaf_hash, p.data,
  l.leaf_index
FROM events AS e
LEFT JOIN personal_data AS p ON p.stream_id = e.stream_id AND p.version = e.version
LEFT JOIN log AS l ON l.stream_id = e.stream_id AND l.version = e.version
WHERE e.stream_id = %(stream_id)s
  AND e.version > %(after)s
ORDER BY e.version
LIMIT %(maximum)s
