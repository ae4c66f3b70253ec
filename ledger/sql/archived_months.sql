-- Months that are said to be archived, and what vouches for it.
-- No parameters. A row is a month, oldest first: its day, its bounds, stream and leaf of the event that tells of it,
-- the hash that the log has of that event, the one that the events have, and whether there is a partition with ids
-- of that month.
SELECT
  a.month, a.lower_bound, a.upper_bound, a.stream_id, a.leaf, l.leaf_hash, e.leaf_hash,
  EXISTS (
    SELECT
    FROM pg_inherits AS i
    JOIN pg_class AS c ON c.oid = i.inhrelid
    CROSS JOIN LATERAL regexp_match(
      pg_get_expr(c.relpartbound, c.oid),
      'FROM \(''([^'']+)''\) TO \(''([^'']+)''\)'
    ) AS bounds
    WHERE i.inhparent = 'events'::regclass
      AND bounds[1]::uuid < a.upper_bound
      AND bounds[2]::uuid > a.lower_bound
  )
FROM archived_months AS a
LEFT JOIN log AS l ON l.stream_id = a.stream_id AND l.version = 1
LEFT JOIN events AS e ON e.stream_id = a.stream_id AND e.version = 1
ORDER BY a.month
