-- Makes a slot of a projection the live one. Fails on one_live_slot_a_projection where another is.
-- Parameters: projection text, slot smallint.
UPDATE projection_slots
SET live = true
WHERE projection = %(projection)s
  AND slot = %(slot)s
