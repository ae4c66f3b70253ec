-- Locks a client and compares it.
-- Parameters: client_id text, policy text (JSON).
-- One row: whether it is confidential, whether its policy is this one; no row: there is no such client.
SELECT confidential, policy = %(policy)s::jsonb
FROM clients
WHERE client_id = %(client_id)s
FOR UPDATE
