-- How many leaves of the log the live slot holds.
-- No parameters. One row.
SELECT next_index
FROM projection_slots
WHERE projection = 'audit_events' AND live
