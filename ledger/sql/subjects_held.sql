-- Whether a subject is held; it stays so until the transaction ends.
-- Parameters: subject text.
-- One row; no row: nothing was ever decided about it, so it is not.
SELECT legal_hold
FROM subjects
WHERE subject = %(subject)s
FOR SHARE
