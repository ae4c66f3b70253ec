-- Events from some addresses.
-- Parameters: addresses inet[]; the others as of `page`. The conditions are as in `of_subject`.
SELECT
  wanted.leg, found.*
FROM unnest(%(addresses)s::inet[]) WITH ORDINALITY AS wanted (address, leg)
CROSS JOIN LATERAL (
  SELECT
    a.leaf_index, a.stream_id, a.version, a.of_session, a.type, a.occurred_at, a.actor, a.client_id, a.subject,
    a.address
  FROM audit_events AS a
  WHERE a.slot = {slot}
    AND a.address IS NOT NULL
    AND (a.address, a.leaf_index) >= (wanted.address, %(low)s::bigint)
    AND (a.address, a.leaf_index) < (wanted.address, %(high)s::bigint)
  ORDER BY a.address {direction}, a.leaf_index {direction}
  LIMIT %(a_leg)s
) AS found
