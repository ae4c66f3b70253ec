-- How a client proves itself and what it may ask for.
-- Parameter: client_id text.
-- One row; secret_hash null: it has no secret. No row: there is no such client.
SELECT confidential, secret_hash, scopes, policy::text
FROM clients
WHERE client_id = %(client_id)s
