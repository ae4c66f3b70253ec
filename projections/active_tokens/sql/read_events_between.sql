-- The events of the families in a range of ids, with the personal data beside them.
-- Parameters: after uuid (exclusive), until uuid (inclusive).
-- A row is an event, family by family, oldest first.
SELECT
  e.stream_id, e.version, e.type, e.schema_version, e.occurred_at, e.payload, e.leaf_hash, p.data
FROM events AS e
LEFT JOIN (
  SELECT stream_id, version, data
  FROM personal_data
  WHERE stream_id > %(after)s
    AND stream_id <= %(until)s
) AS p ON p.stream_id = e.stream_id AND p.version = e.version
WHERE e.stream_id > %(after)s
  AND e.stream_id <= %(until)s
ORDER BY e.stream_id, e.version
