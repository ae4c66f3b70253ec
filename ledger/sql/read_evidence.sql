-- The events of one family that recorded a generation and its replacement.
-- Parameters: stream_id uuid, generation int.
-- At most two rows, oldest first; no row: the ledger never issued that generation. A generation's event is never
-- earlier than its number in the stream, so that the search starts there.
SELECT type, schema_version, occurred_at, payload
FROM events
WHERE stream_id = %(stream_id)s
  AND version > %(generation)s
  AND type IN ('TokenIssued', 'TokenRotated')
  AND coalesce((payload::json ->> 'generation')::bigint, 0) IN (%(generation)s, %(generation)s + 1)
ORDER BY version
LIMIT 2
