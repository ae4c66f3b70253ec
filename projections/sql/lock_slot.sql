-- How far a slot of a projection is, and how long the log; the slot is locked.
-- Parameters: projection text, live boolean.
-- One row; no row where a rebuild became the live slot while this waited.
SELECT s.slot, s.version, s.next_index, (SELECT next_index FROM log_state)
FROM projection_slots AS s
WHERE s.projection = %(projection)s
  AND s.live = %(live)s
FOR UPDATE OF s
