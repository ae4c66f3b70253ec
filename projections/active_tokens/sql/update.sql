-- Folds what happened into families that exist: every column that an event of a living family can change.
-- Parameters: one array a column, equally long; the rows are locked already.
-- The ids stand once more as an array, so that a distributed table is asked on the shards concerned only.
UPDATE active_tokens AS a
SET
  version = new.version,
  head = new.head,
  last_event_at = new.last_event_at,
  status = new.status,
  generation = new.generation,
  secret_hash = new.secret_hash,
  last_used_at = new.last_used_at,
  idle_expires_at = new.idle_expires_at,
  ended_at = new.ended_at,
  ended_reason = new.ended_reason,
  replay_reported = new.replay_reported,
  device_label = new.device_label,
  address = new.address,
  user_agent = new.user_agent,
  windows = new.windows,
  bookkeeping = new.bookkeeping::jsonb
FROM unnest(
  %(family_id)b::uuid[], %(version)b::int[], %(head)b::bytea[], %(last_event_at)b::timestamptz[], %(status)b::text[],
  %(generation)b::bigint[], %(secret_hash)b::bytea[], %(last_used_at)b::timestamptz[],
  %(idle_expires_at)b::timestamptz[], %(ended_at)b::timestamptz[], %(ended_reason)b::text[],
  %(replay_reported)b::boolean[], %(device_label)b::text[], %(address)b::text[], %(user_agent)b::text[],
  %(windows)b::bytea[], %(bookkeeping)b::text[]
) AS new (
  family_id, version, head, last_event_at, status, generation, secret_hash, last_used_at, idle_expires_at, ended_at,
  ended_reason, replay_reported, device_label, address, user_agent, windows, bookkeeping
)
WHERE a.family_id = new.family_id
  AND a.family_id = ANY(%(family_id)b::uuid[])
