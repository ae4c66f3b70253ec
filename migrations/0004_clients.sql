-- What clients prove themselves with, and what they may ask for.

ALTER TABLE clients
  ADD COLUMN secret_hash bytea CHECK (octet_length(secret_hash) = 32),
  ADD COLUMN scopes text[] NOT NULL DEFAULT '{}',
  ADD CONSTRAINT public_clients_have_no_secret CHECK (confidential OR secret_hash IS NULL);

COMMENT ON COLUMN clients.secret_hash IS 'SHA-256 of a secret of 32 random bytes; the secret was shown once and is nowhere.';
COMMENT ON COLUMN clients.scopes IS 'What its own access tokens, and sessions that it issues, may be good for.';

GRANT SELECT (scopes) ON clients TO token_ledger_reader;
