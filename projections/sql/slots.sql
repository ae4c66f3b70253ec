-- How far the slots of a projection are.
-- Parameter: projection text.
-- Two rows, the live one first.
SELECT slot, version, next_index
FROM projection_slots
WHERE projection = %(projection)s
ORDER BY live DESC
