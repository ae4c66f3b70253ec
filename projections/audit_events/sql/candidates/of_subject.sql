-- Events of the sessions of a subject, and administrative acts about it.
-- Parameters: of_subject text; the others as of `page`. The condition is a range of the index, not an equality: its
-- order is asked for, so that no walk along the whole log can be taken for cheaper.
SELECT
  1 AS leg, a.leaf_index, a.stream_id, a.version, a.of_session, a.type, a.occurred_at, a.actor, a.client_id, a.subject,
  a.address
FROM audit_events AS a
WHERE a.slot = {slot}
  AND a.subject IS NOT NULL
  AND (a.subject, a.leaf_index) >= (%(of_subject)s::text, %(low)s::bigint)
  AND (a.subject, a.leaf_index) < (%(of_subject)s::text, %(high)s::bigint)
ORDER BY a.subject {direction}, a.leaf_index {direction}
LIMIT %(a_leg)s
