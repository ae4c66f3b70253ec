-- Makes the next key of a kind the current one.
-- Parameters: kind text, now timestamptz.
-- Fails on one_current_key_a_kind while there is a current one.
UPDATE keys
SET state = 'current', current_at = %(now)s
WHERE kind = %(kind)s
  AND state = 'next'
