-- Locks the boundary of everyone and reads it.
-- No parameters. One row.
SELECT not_before
FROM everyone
FOR UPDATE
