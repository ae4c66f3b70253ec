-- Sessions as their subject and others see them at a moment of the present: what time, a not-before or a suspension
-- has ended counts as ended before its event is recorded.
-- Inlined into the statement that uses it, so that its conditions find their indexes.
CREATE OR REPLACE FUNCTION sessions_at(at_moment timestamptz) RETURNS TABLE (
  family_id uuid, subject text, client_id text, status text, generation bigint, device_label text, address text,
  user_agent text, opened_at timestamptz, last_used_at timestamptz, idle_expires_at timestamptz,
  absolute_expires_at timestamptz, ended_at timestamptz, ended_reason text
)
LANGUAGE sql
STABLE
AS $$
  SELECT
    a.family_id,
    a.subject,
    a.client_id,
    CASE
      WHEN a.status <> 'active' THEN a.status
      WHEN a.idle_expires_at <= at_moment THEN 'expired'
      WHEN a.opened_at < greatest(e.not_before, c.not_before, s.not_before) THEN 'revoked'
      WHEN s.status = 'suspended' THEN 'suspended'
      ELSE 'active'
    END,
    a.generation,
    a.device_label,
    a.address,
    a.user_agent,
    a.opened_at,
    a.last_used_at,
    a.idle_expires_at,
    a.absolute_expires_at,
    CASE
      WHEN a.status <> 'active' THEN a.ended_at
      WHEN a.idle_expires_at <= at_moment THEN a.idle_expires_at
      WHEN a.opened_at < greatest(e.not_before, c.not_before, s.not_before)
        THEN greatest(e.not_before, c.not_before, s.not_before)
    END,
    CASE
      WHEN a.status <> 'active' THEN a.ended_reason
      WHEN a.idle_expires_at <= at_moment AND a.idle_expires_at < a.absolute_expires_at THEN 'idle'
      WHEN a.idle_expires_at <= at_moment THEN 'absolute'
      WHEN a.opened_at < greatest(e.not_before, c.not_before, s.not_before) THEN 'not_before'
    END
  FROM active_tokens AS a
  CROSS JOIN everyone AS e
  LEFT JOIN clients AS c ON c.client_id = a.client_id
  LEFT JOIN subjects AS s ON s.subject = a.subject
$$;
