-- Events that one snapshot shows and an earlier one did not: by transactions that began after it, or ran in it.
-- Those up to the anchor have transaction ids of another cluster, so the log itself says whether they are new.
-- Parameters: since and bound pg_snapshot as text; after bigint (exclusive position); anchor bigint; maximum int, null: all.
-- A row is an event with its recording hash, in the order of positions; no row: nothing is left of that difference.
SELECT
  e.position, e.stream_id, e.version, e.type, e.schema_version, e.occurred_at, e.actor, e.client_id,
  e.correlation_id, e.causation, e.payload, e.personal_data, e.previous, e.leaf_hash,
  sha256(int8send(e.position) || timestamptz_send(e.recorded_at) || xid8send(e.xid))
FROM events AS e
WHERE (
    e.xid >= pg_snapshot_xmax(%(since)s::pg_snapshot) AND e.xid < pg_snapshot_xmax(%(bound)s::pg_snapshot)
    OR e.xid = ANY (ARRAY(SELECT pg_snapshot_xip(%(since)s::pg_snapshot)))
  )
  AND pg_visible_in_snapshot(e.xid, %(bound)s::pg_snapshot)
  AND e.position > %(after)s
  AND (
    e.position > %(anchor)s
    OR NOT EXISTS (SELECT FROM log AS l WHERE l.stream_id = e.stream_id AND l.version = e.version)
  )
ORDER BY e.position
LIMIT %(maximum)s::bigint
