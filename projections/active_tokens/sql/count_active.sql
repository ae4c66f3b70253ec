-- How many sessions are active: not over, and of a subject that is not suspended. Looks at every living one.
-- Parameter: now timestamptz.
-- One row, the number.
SELECT count(*)
FROM active_tokens AS a
CROSS JOIN everyone AS e
LEFT JOIN clients AS c ON c.client_id = a.client_id
LEFT JOIN subjects AS s ON s.subject = a.subject
WHERE a.status = 'active'
  AND a.idle_expires_at > %(now)s::timestamptz
  AND (a.opened_at < greatest(e.not_before, c.not_before, s.not_before)) IS NOT TRUE
  AND s.status IS DISTINCT FROM 'suspended'
