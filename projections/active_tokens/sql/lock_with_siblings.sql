-- As `lock`, and with them the living families that a login may end: of the same subject and client, where the
-- client limits their number. At most 500 of each pair, the oldest first: where there are more, the next login
-- ends the rest.
-- Parameters: family_ids uuid[]; subject text[] and client_id text[], in pairs.
-- A row is a family; a family without a row is unknown, or retention removed it.
SELECT
  family_id, version, head, last_event_at, status, subject, client_id, transport, scope, sender_key, opened_at,
  generation, secret_hash, last_used_at, idle_expires_at, absolute_expires_at, ended_at, ended_reason,
  replay_reported, device_label, claims::text, address, user_agent, windows, bookkeeping::text
FROM active_tokens
WHERE family_id = ANY(%(family_ids)b::uuid[] || ARRAY(
  SELECT sibling.family_id
  FROM unnest(%(subject)b::text[], %(client_id)b::text[]) AS opened (subject, client_id)
  JOIN clients AS c ON c.client_id = opened.client_id
  CROSS JOIN LATERAL (
    SELECT a.family_id
    FROM active_tokens AS a
    WHERE a.subject = opened.subject
      AND a.client_id = opened.client_id
      AND a.status = 'active'
    ORDER BY a.family_id
    LIMIT 500
  ) AS sibling
  WHERE c.policy ->> 'max_sessions' IS NOT NULL
))
ORDER BY family_id
FOR UPDATE
