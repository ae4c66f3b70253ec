-- Marks assertions as used.
-- Parameters: issuer text[], jwt_id text[], expires_at timestamptz[]; sorted by issuer and jwt_id, so that two
-- batches cannot deadlock.
-- A row is an assertion that had not been used; those without a row had been.
INSERT INTO used_assertions (issuer, jwt_id, expires_at)
SELECT issuer, jwt_id, expires_at
FROM unnest(%(issuer)s::text[], %(jwt_id)s::text[], %(expires_at)s::timestamptz[]) AS new (issuer, jwt_id, expires_at)
ORDER BY issuer, jwt_id
ON CONFLICT DO NOTHING
RETURNING issuer, jwt_id
