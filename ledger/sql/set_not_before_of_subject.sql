-- Moves the boundary of a subject.
-- Parameters: subject text, time timestamptz.
UPDATE subjects
SET not_before = %(time)s
WHERE subject = %(subject)s
