-- The rows of the families in a range of ids.
-- Parameters: after uuid (exclusive), until uuid (inclusive); ids uuid[], of which a family must be one, or null.
SELECT
  family_id, version, head, last_event_at, status, subject, client_id, transport, scope, sender_key, opened_at,
  generation, secret_hash, last_used_at, idle_expires_at, absolute_expires_at, ended_at, ended_reason,
  replay_reported, device_label, claims::text, address, user_agent, windows, bookkeeping::text
FROM active_tokens
WHERE family_id > %(after)s
  AND family_id <= %(until)s
  AND (%(ids)s::uuid[] IS NULL OR family_id = ANY (%(ids)s::uuid[]))
ORDER BY family_id
