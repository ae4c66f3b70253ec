-- Events up to the anchor that the log lacks, whatever their transaction ids. Reads the whole table.
-- Parameters: anchor bigint, maximum int, null: all.
-- A row is an event with its recording hash, in the order of positions; no row: none is left.
SELECT
  e.position, e.stream_id, e.version, e.type, e.schema_version, e.occurred_at, e.actor, e.client_id,
  e.correlation_id, e.causation, e.payload, e.personal_data, e.previous, e.leaf_hash,
  sha256(int8send(e.position) || timestamptz_send(e.recorded_at) || xid8send(e.xid))
FROM events AS e
WHERE e.position <= %(anchor)s
  AND NOT EXISTS (SELECT FROM log AS l WHERE l.stream_id = e.stream_id AND l.version = e.version)
ORDER BY e.position
LIMIT %(maximum)s::bigint
