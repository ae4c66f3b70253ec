-- Where the spare slot is not as the live one.
-- Parameters: live, spare smallint; maximum int. The statement is meant for a snapshot in which both are as far.
-- A row is a difference: of which row it is, and the columns that differ, null where one of the slots lacks the row.
-- The first column is how many rows differ; no row: none does.
SELECT
  count(*) OVER (),
  coalesce(l.start, s.start)::text,
  l.start IS NOT NULL,
  s.start IS NOT NULL,
  CASE WHEN l.start IS NOT NULL AND s.start IS NOT NULL THEN ARRAY(
    SELECT a.key
    FROM jsonb_each(to_jsonb(l)) AS a
    JOIN jsonb_each(to_jsonb(s)) AS b ON b.key = a.key
    WHERE a.key <> 'slot' AND a.value IS DISTINCT FROM b.value
    ORDER BY a.key
  ) END
FROM (SELECT * FROM security_hours WHERE slot = %(live)s) AS l
FULL JOIN (SELECT * FROM security_hours WHERE slot = %(spare)s) AS s ON s.start = l.start
WHERE (l.issued, l.rotated, l.replayed, l.reuse_detected, l.revoked, l.expired)
  IS DISTINCT FROM (s.issued, s.rotated, s.replayed, s.reuse_detected, s.revoked, s.expired)
ORDER BY coalesce(l.start, s.start)
LIMIT %(maximum)s
