-- Sessions as their subject and others see them: what time, a not-before or a suspension has ended counts as
-- ended before its event is recorded.
-- Parameters: now timestamptz; before uuid (exclusive); maximum int; those of a filter, each or null: ids uuid[],
-- subject, client_id, device_label and status text, network inet, created_before (exclusive), created_after
-- (inclusive) and last_used_before (exclusive) timestamptz.
-- A row is a session, newest first; no row: none of these.
SELECT
  family_id, subject, client_id, status, generation, device_label, address, user_agent, opened_at, last_used_at,
  idle_expires_at, absolute_expires_at, ended_at, ended_reason
FROM (
  SELECT
    a.family_id, a.subject, a.client_id, a.generation, a.device_label, a.address, a.user_agent, a.opened_at,
    a.last_used_at, a.idle_expires_at, a.absolute_expires_at,
    CASE
      WHEN a.status <> 'active' THEN a.status
      WHEN a.idle_expires_at <= %(now)s THEN 'expired'
      WHEN a.opened_at < greatest(e.not_before, c.not_before, s.not_before) THEN 'revoked'
      WHEN s.status = 'suspended' THEN 'suspended'
      ELSE 'active'
    END AS status,
    CASE
      WHEN a.status <> 'active' THEN a.ended_at
      WHEN a.idle_expires_at <= %(now)s THEN a.idle_expires_at
      WHEN a.opened_at < greatest(e.not_before, c.not_before, s.not_before)
        THEN greatest(e.not_before, c.not_before, s.not_before)
    END AS ended_at,
    CASE
      WHEN a.status <> 'active' THEN a.ended_reason
      WHEN a.idle_expires_at <= %(now)s AND a.idle_expires_at < a.absolute_expires_at THEN 'idle'
      WHEN a.idle_expires_at <= %(now)s THEN 'absolute'
      WHEN a.opened_at < greatest(e.not_before, c.not_before, s.not_before) THEN 'not_before'
    END AS ended_reason
  FROM active_tokens AS a
  CROSS JOIN everyone AS e
  LEFT JOIN clients AS c ON c.client_id = a.client_id
  LEFT JOIN subjects AS s ON s.subject = a.subject
  WHERE (%(ids)s::uuid[] IS NULL OR a.family_id = ANY(%(ids)s::uuid[]))
    AND (%(subject)s::text IS NULL OR a.subject = %(subject)s::text)
    AND (%(client_id)s::text IS NULL OR a.client_id = %(client_id)s::text)
    AND (%(device_label)s::text IS NULL OR a.device_label = %(device_label)s::text)
    AND (
      %(network)s::inet IS NULL
      OR CASE WHEN a.address <> 'unknown' THEN a.address::inet <<= %(network)s::inet ELSE false END
    )
    AND (%(created_before)s::timestamptz IS NULL OR a.opened_at < %(created_before)s::timestamptz)
    AND (%(created_after)s::timestamptz IS NULL OR a.opened_at >= %(created_after)s::timestamptz)
    AND (%(last_used_before)s::timestamptz IS NULL OR a.last_used_at < %(last_used_before)s::timestamptz)
    AND (%(before)s::uuid IS NULL OR a.family_id < %(before)s::uuid)
) AS session
WHERE %(status)s::text IS NULL
  OR status = %(status)s::text
ORDER BY family_id DESC
LIMIT %(maximum)s
