-- Makes the live slot of a projection the spare one; in the transaction that makes the other live.
-- Parameter: projection text.
UPDATE projection_slots
SET live = false
WHERE projection = %(projection)s
  AND live
