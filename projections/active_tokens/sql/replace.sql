-- Takes rows out of the view, so that rebuilt ones can be inserted in their place.
-- Parameter: family_ids uuid[].
DELETE FROM active_tokens
WHERE family_id = ANY(%(family_ids)s::uuid[])
