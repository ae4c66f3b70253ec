-- The events of the streams in a range of ids, with the personal data beside them and their places in the log:
-- what any of the three tables holds of a version.
-- Parameters: after uuid (exclusive), until uuid (inclusive); ids uuid[], of which a stream must be one, or null.
-- A row is a version, stream by stream, oldest first; columns of a table without it are null.
SELECT
  coalesce(e.stream_id, l.stream_id, p.stream_id), coalesce(e.version, l.version, p.version), l.leaf_index,
  l.leaf_hash, e.leaf_hash, e.type, e.schema_version, e.occurred_at, e.actor, e.client_id, e.correlation_id,
  e.causation, e.payload, e.personal_data, e.previous, p.salt, p.data
FROM (
  SELECT *
  FROM events
  WHERE stream_id > %(after)s
    AND stream_id <= %(until)s
    AND (%(ids)s::uuid[] IS NULL OR stream_id = ANY (%(ids)s::uuid[]))
) AS e
FULL JOIN (
  SELECT *
  FROM log
  WHERE stream_id > %(after)s
    AND stream_id <= %(until)s
    AND (%(ids)s::uuid[] IS NULL OR stream_id = ANY (%(ids)s::uuid[]))
) AS l USING (stream_id, version)
FULL JOIN (
  SELECT *
  FROM personal_data
  WHERE stream_id > %(after)s
    AND stream_id <= %(until)s
    AND (%(ids)s::uuid[] IS NULL OR stream_id = ANY (%(ids)s::uuid[]))
) AS p USING (stream_id, version)
ORDER BY 1, 2
