-- The slot that is live.
-- No parameters. One row.
SELECT slot
FROM projection_slots
WHERE projection = 'audit_sessions' AND live
