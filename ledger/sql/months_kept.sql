-- The months whose events are stored.
-- No parameters. A row is a month such as 2026_11, of the times in the ids of streams (UTC).
SELECT right(c.relname, 7)
FROM pg_inherits AS i
JOIN pg_class AS c ON c.oid = i.inhrelid
WHERE i.inhparent = 'events'::regclass
