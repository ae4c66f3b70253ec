-- Where the spare slot is not as the live one.
-- Parameters: live, spare smallint; maximum int. The statement is meant for a snapshot in which both are as far.
-- A row is a difference: of which row it is, and the columns that differ, null where one of the slots lacks the row.
-- The first column is how many rows differ; no row: none does.
SELECT
  count(*) OVER (),
  coalesce(l.leaf_index, s.leaf_index)::text,
  l.leaf_index IS NOT NULL,
  s.leaf_index IS NOT NULL,
  CASE WHEN l.leaf_index IS NOT NULL AND s.leaf_index IS NOT NULL THEN ARRAY(
    SELECT a.key
    FROM jsonb_each(to_jsonb(l)) AS a
    JOIN jsonb_each(to_jsonb(s)) AS b ON b.key = a.key
    WHERE a.key <> 'slot' AND a.value IS DISTINCT FROM b.value
    ORDER BY a.key
  ) END
FROM (SELECT * FROM audit_events WHERE slot = %(live)s) AS l
FULL JOIN (SELECT * FROM audit_events WHERE slot = %(spare)s) AS s ON s.leaf_index = l.leaf_index
WHERE (l.stream_id, l.occurred_at, l.version, l.of_session, l.type, l.actor, l.client_id, l.subject, l.address)
  IS DISTINCT FROM
  (s.stream_id, s.occurred_at, s.version, s.of_session, s.type, s.actor, s.client_id, s.subject, s.address)
ORDER BY coalesce(l.leaf_index, s.leaf_index)
LIMIT %(maximum)s
