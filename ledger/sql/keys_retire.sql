-- Makes the current key of a kind a retiring one.
-- Parameters: kind text, now timestamptz.
UPDATE keys
SET state = 'retiring', retiring_at = %(now)s
WHERE kind = %(kind)s
  AND state = 'current'
