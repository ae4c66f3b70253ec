-- The keys of the deployment, each for one purpose; private parts are sealed under SECRET_KEY, which is not here.

CREATE TABLE keys (
  kid text PRIMARY KEY,
  kind text NOT NULL CHECK (kind IN ('access', 'refresh', 'fingerprint', 'cursor', 'log')),
  algorithm text NOT NULL,
  state text NOT NULL CHECK (state IN ('next', 'current', 'retiring', 'revoked')),
  number smallint CHECK (number BETWEEN 0 AND 15),
  public_jwk jsonb,
  sealed_private bytea NOT NULL,
  created_at timestamptz NOT NULL,
  current_at timestamptz,
  retiring_at timestamptz,
  revoked_at timestamptz,
  CONSTRAINT numbered_when_refresh CHECK ((kind = 'refresh') = (number IS NOT NULL)),
  CONSTRAINT public_when_access CHECK (kind <> 'access' OR public_jwk IS NOT NULL),
  CONSTRAINT no_private_member_in_public CHECK (NOT public_jwk ?| ARRAY['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k']),
  CONSTRAINT current_has_a_time CHECK (state NOT IN ('current', 'retiring') OR current_at IS NOT NULL),
  CONSTRAINT retiring_has_a_time CHECK (state <> 'retiring' OR retiring_at IS NOT NULL),
  CONSTRAINT revoked_has_a_time CHECK ((state = 'revoked') = (revoked_at IS NOT NULL))
);

COMMENT ON TABLE keys IS 'Rows are never deleted. A kid is the RFC 7638 thumbprint where there is a public key.';
COMMENT ON COLUMN keys.number IS 'Of a refresh key: the low half of the version byte of the tokens sealed with it.';
COMMENT ON COLUMN keys.public_jwk IS 'For readers of the table; what is published is computed from the private key.';
COMMENT ON COLUMN keys.sealed_private IS 'AES-256-GCM, bound to kind and kid.';

CREATE UNIQUE INDEX one_current_key_a_kind ON keys (kind) WHERE state = 'current';
CREATE UNIQUE INDEX one_next_key_a_kind ON keys (kind) WHERE state = 'next';
CREATE UNIQUE INDEX one_live_key_a_number ON keys (number) WHERE state <> 'revoked';

GRANT SELECT, INSERT, UPDATE ON keys TO token_ledger_service;
