-- Locks the row of a subject.
-- Parameters: subject text.
-- One row: status, whether it is held, and not-before.
SELECT status, legal_hold, not_before
FROM subjects
WHERE subject = %(subject)s
FOR UPDATE
