-- What had been decided about subjects at a moment.
-- Parameters: subjects text[], time timestamptz (inclusive).
-- A row is a subject: its not-before, null where none was set, and whether it was suspended. Where retention has
-- removed the act before the moment, the one after it tells, and where there is none the state of now.
SELECT
  who.subject,
  (
    SELECT max((payload::jsonb ->> 'time')::timestamptz)
    FROM events
    WHERE type = 'NotBeforeSet'
      AND payload::jsonb ->> 'subject' = who.subject
      AND occurred_at <= %(time)s
  ),
  coalesce(
    (
      SELECT type = 'SubjectSuspended'
      FROM events
      WHERE type IN ('SubjectSuspended', 'SubjectReactivated')
        AND payload::jsonb ->> 'subject' = who.subject
        AND occurred_at <= %(time)s
      ORDER BY occurred_at DESC, position DESC
      LIMIT 1
    ),
    (
      SELECT type = 'SubjectReactivated'
      FROM events
      WHERE type IN ('SubjectSuspended', 'SubjectReactivated')
        AND payload::jsonb ->> 'subject' = who.subject
        AND occurred_at > %(time)s
      ORDER BY occurred_at, position
      LIMIT 1
    ),
    s.status = 'suspended',
    false
  )
FROM unnest(%(subjects)s::text[]) AS who (subject)
LEFT JOIN subjects AS s ON s.subject = who.subject
