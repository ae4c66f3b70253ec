-- Who is under a legal hold and has something in a month: a session, an act about them, or one of their own.
-- Parameters: lower and upper uuid (exclusive).
-- A row is a subject, in order.
WITH held AS MATERIALIZED (
  SELECT subject
  FROM subjects
  WHERE legal_hold
), acts AS MATERIALIZED (
  SELECT actor, payload::jsonb AS payload
  FROM events
  WHERE stream_id >= %(lower)s
    AND stream_id < %(upper)s
    AND type NOT IN (
      'TokenRotated', 'TokenReplayed', 'RefreshRefused', 'ReuseDetected', 'ReplayedAfterRevocation',
      'ForgeryDetected', 'TokenExpired', 'SessionRenamed'
    )
    AND EXISTS (SELECT FROM held)
)
SELECT held.subject FROM held JOIN acts ON acts.payload ->> 'subject' = held.subject
UNION
SELECT held.subject FROM held JOIN acts ON acts.payload #>> '{filter,subject}' = held.subject
UNION
SELECT held.subject FROM held JOIN acts ON acts.actor = 'subject:' || held.subject
ORDER BY 1
