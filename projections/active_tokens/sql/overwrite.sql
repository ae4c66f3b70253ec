-- Puts what the events say in place of what a row said; bookkeeping stays, as no event rebuilds it.
-- Parameters: one array a column, of one row that is locked.
UPDATE active_tokens AS a
SET
  version = new.version,
  head = new.head,
  last_event_at = new.last_event_at,
  status = new.status,
  subject = new.subject,
  client_id = new.client_id,
  transport = new.transport,
  scope = string_to_array(new.scope, ' '),
  sender_key = new.sender_key,
  opened_at = new.opened_at,
  generation = new.generation,
  secret_hash = new.secret_hash,
  last_used_at = new.last_used_at,
  idle_expires_at = new.idle_expires_at,
  absolute_expires_at = new.absolute_expires_at,
  ended_at = new.ended_at,
  ended_reason = new.ended_reason,
  replay_reported = new.replay_reported,
  device_label = new.device_label,
  claims = new.claims::jsonb,
  address = new.address,
  user_agent = new.user_agent
FROM unnest(
  %(family_id)b::uuid[], %(version)b::int[], %(head)b::bytea[], %(last_event_at)b::timestamptz[], %(status)b::text[],
  %(subject)b::text[], %(client_id)b::text[], %(transport)b::text[], %(scope)b::text[], %(sender_key)b::text[],
  %(opened_at)b::timestamptz[], %(generation)b::bigint[], %(secret_hash)b::bytea[], %(last_used_at)b::timestamptz[],
  %(idle_expires_at)b::timestamptz[], %(absolute_expires_at)b::timestamptz[], %(ended_at)b::timestamptz[],
  %(ended_reason)b::text[], %(replay_reported)b::boolean[], %(device_label)b::text[], %(claims)b::text[],
  %(address)b::text[], %(user_agent)b::text[]
) AS new (
  family_id, version, head, last_event_at, status, subject, client_id, transport, scope, sender_key, opened_at,
  generation, secret_hash, last_used_at, idle_expires_at, absolute_expires_at, ended_at, ended_reason,
  replay_reported, device_label, claims, address, user_agent
)
WHERE a.family_id = new.family_id
