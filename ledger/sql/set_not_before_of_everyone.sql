-- Moves the boundary of everyone.
-- Parameters: time timestamptz.
UPDATE everyone
SET not_before = %(time)s
