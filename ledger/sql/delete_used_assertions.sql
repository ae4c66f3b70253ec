-- Forgets assertions that are refused for their age.
-- Parameters: expired_before timestamptz (exclusive); maximum int.
DELETE FROM used_assertions
WHERE (issuer, jwt_id) IN (
  SELECT issuer, jwt_id
  FROM used_assertions
  WHERE expires_at < %(expired_before)s
  ORDER BY expires_at
  LIMIT %(maximum)s
)
