-- Replaces the policy of a client.
-- Parameters: client_id text, policy text (JSON).
UPDATE clients
SET policy = %(policy)s::jsonb
WHERE client_id = %(client_id)s
