-- Projections whose live slot is behind the log.
-- No parameters. A row is a projection; no row: none is.
SELECT s.projection
FROM projection_slots AS s
WHERE s.live
  AND s.next_index < (SELECT next_index FROM log_state)
ORDER BY s.projection
