-- The events of the streams in a range of ids, with their places in the log and the personal data beside them.
-- Parameters: after uuid (exclusive), until uuid (inclusive); ids uuid[], of which a stream must be one, or null.
-- A row is an event, stream by stream, oldest first; what there is not is null.
SELECT
  e.stream_id, e.version, l.leaf_index, l.leaf_hash, e.leaf_hash, e.type, e.schema_version, e.occurred_at, e.actor,
  e.client_id, e.correlation_id, e.causation, e.payload, e.personal_data, e.previous, p.salt, p.data
FROM events AS e
LEFT JOIN (
  SELECT stream_id, version, leaf_index, leaf_hash
  FROM log
  WHERE stream_id > %(after)s
    AND stream_id <= %(until)s
) AS l ON l.stream_id = e.stream_id AND l.version = e.version
LEFT JOIN (
  SELECT stream_id, version, salt, data
  FROM personal_data
  WHERE stream_id > %(after)s
    AND stream_id <= %(until)s
) AS p ON p.stream_id = e.stream_id AND p.version = e.version
WHERE e.stream_id > %(after)s
  AND e.stream_id <= %(until)s
  AND (%(ids)s::uuid[] IS NULL OR e.stream_id = ANY (%(ids)s::uuid[]))
ORDER BY e.stream_id, e.version
