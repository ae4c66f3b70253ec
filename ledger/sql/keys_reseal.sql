-- Replaces the sealed private part of a key.
-- Parameters: kid text, sealed_private bytea.
UPDATE keys
SET sealed_private = %(sealed_private)s
WHERE kid = %(kid)s
