-- Everybody who is under a legal hold.
-- No parameters. A row is a subject, in order.
SELECT subject
FROM subjects
WHERE legal_hold
ORDER BY subject
