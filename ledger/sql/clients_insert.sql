-- Adds a client.
-- Parameters: client_id text, confidential boolean, policy text (JSON), now timestamptz.
-- One row, the client's id; no row: there is one of this id already.
INSERT INTO clients (client_id, confidential, policy, created_at)
VALUES (%(client_id)s, %(confidential)s, %(policy)s::jsonb, %(now)s)
ON CONFLICT (client_id) DO NOTHING
RETURNING client_id
