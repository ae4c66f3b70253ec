-- Locks the row of a subject.
-- Parameters: subject text.
-- One row: status and not-before.
SELECT status, not_before
FROM subjects
WHERE subject = %(subject)s
FOR UPDATE
