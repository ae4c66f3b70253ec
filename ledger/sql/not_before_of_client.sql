-- Locks a client and reads its not-before.
-- Parameters: client_id text.
-- One row; no row: there is no such client.
SELECT not_before
FROM clients
WHERE client_id = %(client_id)s
FOR UPDATE
