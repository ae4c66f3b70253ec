-- Suspends, reactivates or erases a subject.
-- Parameters: subject text, status text.
UPDATE subjects
SET status = %(status)s
WHERE subject = %(subject)s
