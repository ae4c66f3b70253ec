-- Replaces policy and scopes of a client, and its secret where one is given.
-- Parameters: client_id text, policy text (JSON), scopes text[], secret_hash bytea (null: the secret stays).
UPDATE clients
SET
  policy = %(policy)s::jsonb,
  scopes = %(scopes)s::text[],
  secret_hash = coalesce(%(secret_hash)s, secret_hash)
WHERE client_id = %(client_id)s
