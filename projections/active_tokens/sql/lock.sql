-- The rows of these families, locked, in the order of their ids so that two batches cannot deadlock.
-- Parameter: family_ids uuid[], sorted.
-- A row is a family; a family without a row is unknown, or retention removed it.
SELECT
  family_id, version, head, last_event_at, status, subject, client_id, transport, scope, sender_key, opened_at,
  generation, secret_hash, last_used_at, idle_expires_at, absolute_expires_at, ended_at, ended_reason,
  replay_reported, device_label, claims::text, address, user_agent, windows, bookkeeping::text
FROM active_tokens
WHERE family_id = ANY(%(family_ids)b::uuid[])
ORDER BY family_id
FOR UPDATE
