-- Nothing up to the anchor is left to seal.
-- No parameters.
UPDATE log_state
SET anchored = true
