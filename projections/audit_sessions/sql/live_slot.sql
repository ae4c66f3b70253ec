-- The slot that is live, and how far the time in a session's id can be from the one it was opened at.
-- No parameters. One row.
SELECT s.slot, c.ahead, c.behind
FROM projection_slots AS s
JOIN audit_session_clocks AS c ON c.slot = s.slot
WHERE s.projection = 'audit_sessions' AND s.live
