-- Moves the boundary of a client.
-- Parameters: client_id text, time timestamptz.
UPDATE clients
SET not_before = %(time)s
WHERE client_id = %(client_id)s
