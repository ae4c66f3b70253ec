-- Families of a subject that have not ended.
-- Parameters: subject text; maximum int.
-- A row is a family's id; no row: all have ended.
SELECT family_id
FROM active_tokens
WHERE subject = %(subject)s
  AND status = 'active'
ORDER BY family_id
LIMIT %(maximum)s
