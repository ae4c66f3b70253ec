-- How far each projection is behind the log.
-- No parameters. A row is a projection: its name, the leaves it holds, and for how many seconds the first leaf that it
-- lacks has been recorded, null where it lacks none.
SELECT
  s.projection,
  s.next_index,
  (
    SELECT extract(epoch FROM clock_timestamp() - e.recorded_at)::float8
    FROM log AS l
    JOIN events AS e ON e.stream_id = l.stream_id AND e.version = l.version
    WHERE l.leaf_index = s.next_index
  )
FROM projection_slots AS s
WHERE s.live
ORDER BY s.projection
