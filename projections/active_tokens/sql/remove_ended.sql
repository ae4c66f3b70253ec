-- Takes the families of a month that have ended out of the view; waits for whoever has one locked.
-- Parameters: lower and upper uuid (exclusive). As many rows as were removed.
DELETE FROM active_tokens
WHERE family_id >= %(lower)s
  AND family_id < %(upper)s
  AND status <> 'active'
