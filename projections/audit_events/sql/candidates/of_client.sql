-- Events with a client.
-- Parameters: of_client text; the others as of `page`. The condition is a range of the index, not an equality: its
-- order is asked for, so that no walk along the whole log can be taken for cheaper.
SELECT
  1 AS leg, a.leaf_index, a.stream_id, a.version, a.of_session, a.type, a.occurred_at, a.actor, a.client_id, a.subject,
  a.address
FROM audit_events AS a
WHERE a.slot = {slot}
  AND a.client_id IS NOT NULL
  AND (a.client_id, a.leaf_index) >= (%(of_client)s::text, %(low)s::bigint)
  AND (a.client_id, a.leaf_index) < (%(of_client)s::text, %(high)s::bigint)
ORDER BY a.client_id {direction}, a.leaf_index {direction}
LIMIT %(a_leg)s
