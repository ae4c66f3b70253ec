-- What a subject did: in its own sessions, found by the subject, and elsewhere, as an administrator.
-- Parameters: of_subject, of_actor text; the others as of `page`. The conditions are as in `of_subject`.
(
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
)
UNION ALL
(
  SELECT
    2, a.leaf_index, a.stream_id, a.version, a.of_session, a.type, a.occurred_at, a.actor, a.client_id, a.subject,
    a.address
  FROM audit_events AS a
  WHERE a.slot = {slot}
    AND a.actor IS DISTINCT FROM 'subject:' || a.subject
    AND (a.actor, a.leaf_index) >= (%(of_actor)s::text, %(low)s::bigint)
    AND (a.actor, a.leaf_index) < (%(of_actor)s::text, %(high)s::bigint)
  ORDER BY a.actor {direction}, a.leaf_index {direction}
  LIMIT %(a_leg)s
)
