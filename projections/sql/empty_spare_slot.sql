-- Empties the slot of a projection that is not live.
-- Parameter: projection text.
SELECT empty_spare_slot(%(projection)s)
