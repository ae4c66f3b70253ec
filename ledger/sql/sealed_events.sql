-- Sealed events in the order of the log, with what lies beside each.
-- Parameters: first and until bigint (exclusive).
-- A row is a leaf, by its index; the event's columns are null where retention removed it, salt and data where
-- there is no personal data or it was erased.
SELECT
  l.leaf_index, l.stream_id, l.version, l.leaf_hash, e.type, e.schema_version, e.occurred_at, e.recorded_at,
  e.actor, e.client_id, e.correlation_id, e.causation, e.payload, e.personal_data, e.previous, p.salt, p.data
FROM log AS l
LEFT JOIN events AS e ON e.stream_id = l.stream_id AND e.version = l.version
LEFT JOIN personal_data AS p ON p.stream_id = e.stream_id AND p.version = e.version
WHERE l.leaf_index >= %(first)s
  AND l.leaf_index < %(until)s
ORDER BY l.leaf_index
