-- The next living families in the order of their absolute deadlines, and which of them have something due.
-- Parameters: deadline timestamptz and family_id uuid of the last one looked at; maximum int; now timestamptz;
-- untouched_since timestamptz and lost_response_window interval, of clients that have none of their own: families
-- used before that, and longer ago by their window, hold no nonce that is needed.
-- One row: the last family looked at, null where there is none; how many were; ids of those whose time is over, of
-- those with nonces to drop. Rows that somebody else holds are left out: nobody waits, and nobody is kept waiting,
-- as the locks are gone with the statement.
WITH looked_at AS MATERIALIZED (
  SELECT
    a.family_id,
    a.absolute_expires_at,
    coalesce(
      a.idle_expires_at <= %(now)s::timestamptz OR a.opened_at < greatest(e.not_before, c.not_before, s.not_before),
      false
    ) AS over,
    a.has_windows AND a.last_used_at <= %(untouched_since)s::timestamptz - CASE jsonb_typeof(c.policy -> 'lost_response_window')
      WHEN 'number' THEN make_interval(secs => (c.policy ->> 'lost_response_window')::double precision)
      ELSE %(lost_response_window)s::interval
    END AS untidy
  FROM (
    SELECT
      family_id, subject, client_id, opened_at, last_used_at, idle_expires_at, absolute_expires_at,
      octet_length(windows) > 0 AS has_windows
    FROM active_tokens
    WHERE status = 'active'
      AND (absolute_expires_at, family_id) > (%(deadline)s::timestamptz, %(family_id)s::uuid)
    ORDER BY absolute_expires_at, family_id
    LIMIT %(maximum)s
  ) AS a
  CROSS JOIN everyone AS e
  LEFT JOIN clients AS c ON c.client_id = a.client_id
  LEFT JOIN subjects AS s ON s.subject = a.subject
), free AS MATERIALIZED (
  SELECT a.family_id
  FROM active_tokens AS a
  WHERE a.family_id = ANY(ARRAY(SELECT family_id FROM looked_at WHERE over OR untidy))
    AND a.status = 'active'
  FOR UPDATE SKIP LOCKED
)
SELECT
  (array_agg(absolute_expires_at ORDER BY absolute_expires_at DESC, family_id DESC))[1],
  (array_agg(family_id ORDER BY absolute_expires_at DESC, family_id DESC))[1],
  count(*),
  coalesce(array_agg(family_id ORDER BY family_id) FILTER (WHERE over AND family_id IN (SELECT family_id FROM free)), '{}'),
  coalesce(
    array_agg(family_id ORDER BY family_id) FILTER (WHERE untidy AND NOT over AND family_id IN (SELECT family_id FROM free)),
    '{}'
  )
FROM looked_at
