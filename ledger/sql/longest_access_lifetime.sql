-- The longest lifetime of access tokens that a client has of its own.
-- One row with the seconds as numeric; null: no client has one.
SELECT max((policy ->> 'access_ttl')::numeric)
FROM clients
