-- Gives assertions back whose session was not opened, so that the same request may succeed later.
-- Parameters: issuer text[], jwt_id text[].
DELETE FROM used_assertions AS used
USING unnest(%(issuer)s::text[], %(jwt_id)s::text[]) AS unused (issuer, jwt_id)
WHERE used.issuer = unused.issuer
  AND used.jwt_id = unused.jwt_id
