-- All clients, the oldest first.
-- A row is a client without its secret.
SELECT client_id, confidential, policy::text, scopes, not_before, created_at
FROM clients
ORDER BY created_at, client_id
