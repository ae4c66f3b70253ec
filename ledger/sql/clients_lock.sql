-- Locks a client.
-- Parameter: client_id text.
-- One row, the client without its secret; no row: there is no such client.
SELECT client_id, confidential, policy::text, scopes, not_before, created_at
FROM clients
WHERE client_id = %(client_id)s
FOR UPDATE
