-- Takes a row out of the view that has no events.
-- Parameter: family_id uuid.
DELETE FROM active_tokens
WHERE family_id = %(family_id)s
