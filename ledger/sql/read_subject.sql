-- What was decided about a subject.
-- Parameters: subject text.
-- One row: status, not-before, and whether it is held; no row: nothing was ever decided about it.
SELECT status, not_before, legal_hold
FROM subjects
WHERE subject = %(subject)s
