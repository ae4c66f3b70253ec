-- Events along the log.
-- Parameters: as of `page`.
SELECT
  1 AS leg, a.leaf_index, a.stream_id, a.version, a.of_session, a.type, a.occurred_at, a.actor, a.client_id, a.subject,
  a.address
FROM audit_events AS a
WHERE a.slot = {slot}
  AND a.leaf_index >= %(low)s::bigint
  AND a.leaf_index < %(high)s::bigint
ORDER BY a.leaf_index {direction}
LIMIT %(a_leg)s
