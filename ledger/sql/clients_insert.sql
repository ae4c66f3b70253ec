-- Adds a client.
-- Parameters: client_id text, confidential boolean, secret_hash bytea (null without a secret),
--   policy text (JSON), scopes text[], now timestamptz.
-- One row, the client's id; no row: there is one of this id already.
INSERT INTO clients (client_id, confidential, secret_hash, policy, scopes, created_at)
VALUES (%(client_id)s, %(confidential)s, %(secret_hash)s, %(policy)s::jsonb, %(scopes)s::text[], %(now)s)
ON CONFLICT (client_id) DO NOTHING
RETURNING client_id
