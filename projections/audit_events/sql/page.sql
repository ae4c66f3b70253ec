-- Events among some candidates that match a filter. `reading.py` puts in where the candidates come from, the direction,
-- and the slot: as a part of the text, so that only its partition is planned for, whose indexes are in order.
-- Parameters: those of the candidates; low (inclusive), high (exclusive) bigint: leaves between which they are; a_leg
-- int: candidates of each leg; maximum int; those of a filter, each or null: types text[], session_id uuid, subject,
-- client_id, actor text, network inet, since (inclusive), until (exclusive) timestamptz.
-- A row is an event, in order; its columns but the leaf are null where retention removed it. At least one row, whose
-- event is null where none matches. The first column is the slot that is live now; the second is the leaf up to which
-- every leg was looked at, null: all was.
-- OFFSET 0: one index lookup an event, whatever the statistics say.
WITH candidates AS MATERIALIZED (
{candidates}
), horizon AS (
  SELECT {first}(leaf_index) AS leaf_index
  FROM (
    SELECT {last}(leaf_index) AS leaf_index
    FROM candidates
    GROUP BY leg
    HAVING count(*) >= %(a_leg)s
  ) AS cut_off
), found AS (
  SELECT c.leaf_index, c.stream_id, c.version, c.subject
  FROM candidates AS c
  CROSS JOIN horizon AS h
  WHERE c.leaf_index = {nearest}(c.leaf_index, h.leaf_index)
    AND c.stream_id IS NOT NULL
    AND (%(types)s::text[] IS NULL OR c.type = ANY(%(types)s::text[]))
    AND (%(session_id)s::uuid IS NULL OR c.of_session AND c.stream_id = %(session_id)s::uuid)
    AND (%(subject)s::text IS NULL OR c.subject = %(subject)s::text)
    AND (%(client_id)s::text IS NULL OR c.client_id = %(client_id)s::text)
    AND (%(actor)s::text IS NULL OR c.actor = %(actor)s::text)
    AND (%(network)s::inet IS NULL OR c.address <<= %(network)s::inet)
    AND (%(since)s::timestamptz IS NULL OR c.occurred_at >= %(since)s::timestamptz)
    AND (%(until)s::timestamptz IS NULL OR c.occurred_at < %(until)s::timestamptz)
  ORDER BY c.leaf_index {direction}
  LIMIT %(maximum)s
)
SELECT
  (SELECT slot FROM projection_slots WHERE projection = 'audit_events' AND live),
  h.leaf_index, f.leaf_index, f.subject, e.stream_id, e.version, e.type, e.schema_version, e.occurred_at,
  e.recorded_at, e.actor, e.client_id, e.correlation_id, e.causation, e.payload, e.personal_data, e.previous,
  e.leaf_hash, p.data
FROM horizon AS h
LEFT JOIN found AS f ON true
LEFT JOIN LATERAL (
  SELECT *
  FROM events
  WHERE stream_id = f.stream_id AND version = f.version
  OFFSET 0
) AS e ON true
LEFT JOIN LATERAL (
  SELECT data
  FROM personal_data
  WHERE stream_id = f.stream_id AND version = f.version
  OFFSET 0
) AS p ON true
ORDER BY f.leaf_index {direction}
