-- Revokes a key, whatever its state.
-- Parameters: kid text, now timestamptz.
-- One row, the kind of the key; no row: there is no such key, or it is revoked already.
UPDATE keys
SET state = 'revoked', revoked_at = %(now)s
WHERE kid = %(kid)s
  AND state <> 'revoked'
RETURNING kind
