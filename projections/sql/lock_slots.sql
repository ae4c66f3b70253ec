-- Locks the slots of projections, in the order of everybody who locks several.
-- Parameter: projections text[].
-- A row is a slot.
SELECT s.projection, s.slot
FROM projection_slots AS s
WHERE s.projection = ANY(%(projections)s::text[])
ORDER BY s.projection, s.slot
FOR UPDATE
