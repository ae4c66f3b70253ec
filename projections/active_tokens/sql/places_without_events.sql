-- What the log or the personal data holds of the streams in a range of ids without an event of that version.
-- Parameters: after uuid (exclusive), until uuid (inclusive); ids uuid[], of which a stream must be one, or null.
-- A row is such a version, stream by stream; leaf_index and leaf_hash are null where the log has none either.
SELECT l.stream_id, l.version, l.leaf_index, l.leaf_hash
FROM log AS l
LEFT JOIN (
  SELECT stream_id, version
  FROM events
  WHERE stream_id > %(after)s
    AND stream_id <= %(until)s
) AS e ON e.stream_id = l.stream_id AND e.version = l.version
WHERE l.stream_id > %(after)s
  AND l.stream_id <= %(until)s
  AND (%(ids)s::uuid[] IS NULL OR l.stream_id = ANY (%(ids)s::uuid[]))
  AND e.stream_id IS NULL
UNION ALL
SELECT p.stream_id, p.version, l.leaf_index, l.leaf_hash
FROM personal_data AS p
LEFT JOIN (
  SELECT stream_id, version
  FROM events
  WHERE stream_id > %(after)s
    AND stream_id <= %(until)s
) AS e ON e.stream_id = p.stream_id AND e.version = p.version
LEFT JOIN log AS l ON l.stream_id = p.stream_id AND l.version = p.version
WHERE p.stream_id > %(after)s
  AND p.stream_id <= %(until)s
  AND (%(ids)s::uuid[] IS NULL OR p.stream_id = ANY (%(ids)s::uuid[]))
  AND e.stream_id IS NULL
  AND l.stream_id IS NULL
ORDER BY 1, 2
