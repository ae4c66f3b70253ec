-- Adds a key.
-- Parameters: kid text, kind text, algorithm text, state text, number smallint, public_jwk jsonb,
-- sealed_private bytea, created_at timestamptz, current_at timestamptz.
-- Fails on one_current_key_a_kind, one_next_key_a_kind or one_live_key_a_number when there is one already.
INSERT INTO keys (kid, kind, algorithm, state, number, public_jwk, sealed_private, created_at, current_at)
VALUES (
  %(kid)s, %(kind)s, %(algorithm)s, %(state)s, %(number)s, %(public_jwk)s, %(sealed_private)s, %(created_at)s,
  %(current_at)s
)
