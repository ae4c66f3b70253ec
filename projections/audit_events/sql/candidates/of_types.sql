-- Events of some types, rotations not among them.
-- Parameters: of_types text[]; the others as of `page`. The conditions are as in `of_subject`.
SELECT
  wanted.leg, found.*
FROM unnest(%(of_types)s::text[]) WITH ORDINALITY AS wanted (type, leg)
CROSS JOIN LATERAL (
  SELECT
    a.leaf_index, a.stream_id, a.version, a.of_session, a.type, a.occurred_at, a.actor, a.client_id, a.subject,
    a.address
  FROM audit_events AS a
  WHERE a.slot = {slot}
    AND a.type <> 'TokenRotated'
    AND (a.type, a.leaf_index) >= (wanted.type, %(low)s::bigint)
    AND (a.type, a.leaf_index) < (wanted.type, %(high)s::bigint)
  ORDER BY a.type {direction}, a.leaf_index {direction}
  LIMIT %(a_leg)s
) AS found
