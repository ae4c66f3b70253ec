-- Adds families that were opened.
-- Parameters: one array a column, equally long. An id that exists fails on the primary key.
INSERT INTO active_tokens (
  family_id, version, head, last_event_at, status, subject, client_id, transport, scope, sender_key, opened_at,
  generation, secret_hash, last_used_at, idle_expires_at, absolute_expires_at, ended_at, ended_reason,
  replay_reported, device_label, claims, address, user_agent, windows, bookkeeping
)
SELECT
  family_id, version, head, last_event_at, status, subject, client_id, transport, string_to_array(scope, ' '),
  sender_key, opened_at, generation, secret_hash, last_used_at, idle_expires_at, absolute_expires_at, ended_at,
  ended_reason, replay_reported, device_label, claims::jsonb, address, user_agent, windows, bookkeeping::jsonb
FROM unnest(
  %(family_id)b::uuid[], %(version)b::int[], %(head)b::bytea[], %(last_event_at)b::timestamptz[], %(status)b::text[],
  %(subject)b::text[], %(client_id)b::text[], %(transport)b::text[], %(scope)b::text[], %(sender_key)b::text[],
  %(opened_at)b::timestamptz[], %(generation)b::bigint[], %(secret_hash)b::bytea[], %(last_used_at)b::timestamptz[],
  %(idle_expires_at)b::timestamptz[], %(absolute_expires_at)b::timestamptz[], %(ended_at)b::timestamptz[],
  %(ended_reason)b::text[], %(replay_reported)b::boolean[], %(device_label)b::text[], %(claims)b::text[],
  %(address)b::text[], %(user_agent)b::text[], %(windows)b::bytea[], %(bookkeeping)b::text[]
) AS new (
  family_id, version, head, last_event_at, status, subject, client_id, transport, scope, sender_key, opened_at,
  generation, secret_hash, last_used_at, idle_expires_at, absolute_expires_at, ended_at, ended_reason,
  replay_reported, device_label, claims, address, user_agent, windows, bookkeeping
)
