-- The events of the streams in a range of ids, with their places in the log and the personal data beside them.
-- Parameters: after uuid (exclusive), until uuid (inclusive); ids uuid[], of which a stream must be one, or null.
-- A row is an event, stream by stream, oldest first; what there is not is null. The last two columns:
-- whether the sealer has passed it by, so that it would never be sealed; whether position, recorded_at or xid are not
-- as they were when it was sealed.
SELECT
  e.stream_id, e.version, l.leaf_index, l.leaf_hash, e.leaf_hash, e.type, e.schema_version, e.occurred_at, e.actor,
  e.client_id, e.correlation_id, e.causation, e.payload, e.personal_data, e.previous, p.salt, p.data,
  l.leaf_index IS NULL AND s.anchored AND pg_visible_in_snapshot(e.xid, s.snapshot)
    AND s.cluster = (SELECT system_identifier::text FROM pg_control_system()),
  coalesce(
    l.recording_hash <> sha256(int8send(e.position) || timestamptz_send(e.recorded_at) || xid8send(e.xid)),
    false
  )
FROM events AS e
LEFT JOIN log_state AS s ON true
LEFT JOIN (
  SELECT stream_id, version, leaf_index, leaf_hash, recording_hash
  FROM log
  WHERE stream_id > %(after)s
    AND stream_id <= %(until)s
    AND (%(ids)s::uuid[] IS NULL OR stream_id = ANY (%(ids)s::uuid[]))
) AS l ON l.stream_id = e.stream_id AND l.version = e.version
LEFT JOIN (
  SELECT stream_id, version, salt, data
  FROM personal_data
  WHERE stream_id > %(after)s
    AND stream_id <= %(until)s
    AND (%(ids)s::uuid[] IS NULL OR stream_id = ANY (%(ids)s::uuid[]))
) AS p ON p.stream_id = e.stream_id AND p.version = e.version
WHERE e.stream_id > %(after)s
  AND e.stream_id <= %(until)s
  AND (%(ids)s::uuid[] IS NULL OR e.stream_id = ANY (%(ids)s::uuid[]))
ORDER BY e.stream_id, e.version
