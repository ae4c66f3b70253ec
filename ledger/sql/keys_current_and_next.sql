-- The current and the next key of a kind.
-- Parameters: kind text.
-- A row is a state and the kid that has it; no row: there is none in that state.
SELECT state, kid
FROM keys
WHERE kind = %(kind)s
  AND state IN ('current', 'next')
