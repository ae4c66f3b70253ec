-- Where the spare slot is not as the live one.
-- Parameters: live, spare smallint; maximum int. The statement is meant for a snapshot in which both are as far.
-- A row is a difference: of which row it is, and the columns that differ, null where one of the slots lacks the row.
-- The first column is how many rows differ; no row: none does.
SELECT
  count(*) OVER (),
  coalesce(l.family_id, s.family_id)::text,
  l.family_id IS NOT NULL,
  s.family_id IS NOT NULL,
  CASE WHEN l.family_id IS NOT NULL AND s.family_id IS NOT NULL THEN ARRAY(
    SELECT a.key
    FROM jsonb_each(to_jsonb(l)) AS a
    JOIN jsonb_each(to_jsonb(s)) AS b ON b.key = a.key
    WHERE a.key <> 'slot' AND a.value IS DISTINCT FROM b.value
    ORDER BY a.key
  ) END
FROM (SELECT * FROM audit_sessions WHERE slot = %(live)s) AS l
FULL JOIN (SELECT * FROM audit_sessions WHERE slot = %(spare)s) AS s ON s.family_id = l.family_id
WHERE (l.ended_at, l.status, l.subject, l.client_id, l.device_label, l.address)
  IS DISTINCT FROM (s.ended_at, s.status, s.subject, s.client_id, s.device_label, s.address)
ORDER BY coalesce(l.family_id, s.family_id)
LIMIT %(maximum)s
