-- Status and not-before of a subject.
-- Parameters: subject text.
-- One row; no row: nothing was ever decided about it.
SELECT status, not_before
FROM subjects
WHERE subject = %(subject)s
