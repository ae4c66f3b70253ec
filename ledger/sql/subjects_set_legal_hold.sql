-- Holds what is of a subject, or releases it.
-- Parameters: subject text, held boolean.
UPDATE subjects
SET legal_hold = %(held)s
WHERE subject = %(subject)s
