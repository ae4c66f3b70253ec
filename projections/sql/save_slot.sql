-- Keeps how far a slot is.
-- Parameters: projection text, slot smallint, next_index bigint.
UPDATE projection_slots
SET next_index = %(next_index)s
WHERE projection = %(projection)s
  AND slot = %(slot)s
