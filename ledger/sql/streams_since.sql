-- Streams that the log has something of from a place on.
-- Parameters: first bigint.
-- A row is a stream, in the order of ids.
SELECT DISTINCT stream_id
FROM log
WHERE leaf_index >= %(first)s
ORDER BY stream_id
