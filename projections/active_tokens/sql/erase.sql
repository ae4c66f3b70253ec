-- Empties what rows hold of a person: the fold of events whose personal data is gone, and the keyed hashes of their
-- networks and programs. Their families have ended, so that nothing else of the bookkeeping is needed.
-- Parameters: family_ids uuid[], locked.
UPDATE active_tokens
SET
  device_label = NULL,
  claims = NULL,
  address = NULL,
  user_agent = NULL,
  windows = '',
  bookkeeping = '{}'
WHERE family_id = ANY(%(family_ids)s::uuid[])
  AND (
    device_label IS NOT NULL
    OR claims IS NOT NULL
    OR address IS NOT NULL
    OR user_agent IS NOT NULL
    OR windows <> ''
    OR bookkeeping <> '{}'
  )
