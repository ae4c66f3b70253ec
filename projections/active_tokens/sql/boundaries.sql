-- Every so manieth family, in the order of ids.
-- Parameters: families int.
SELECT family_id
FROM (
  SELECT family_id, row_number() OVER (ORDER BY family_id) AS number
  FROM active_tokens
) AS numbered
WHERE number %% %(families)s = 0
ORDER BY family_id
