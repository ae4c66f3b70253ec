-- Months that have a partition of events, by the bounds of their ids.
-- No parameters. A row is a month, oldest first: lower bound, upper bound (exclusive), and the clock.
SELECT bounds[1]::uuid, bounds[2]::uuid, clock_timestamp()
FROM pg_inherits AS i
JOIN pg_class AS c ON c.oid = i.inhrelid
CROSS JOIN LATERAL regexp_match(
  pg_get_expr(c.relpartbound, c.oid),
  'FROM \(''([^'']+)''\) TO \(''([^'']+)''\)'
) AS bounds
WHERE i.inhparent = 'events'::regclass
ORDER BY 1
