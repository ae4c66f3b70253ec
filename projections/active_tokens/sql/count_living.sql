-- How many families of a month have not ended.
-- Parameters: lower and upper uuid (exclusive). One row.
SELECT count(*)
FROM active_tokens
WHERE family_id >= %(lower)s
  AND family_id < %(upper)s
  AND status = 'active'
