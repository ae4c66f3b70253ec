-- Streams at some places in the log, to cut all of them into ranges of about the same number of events.
-- Parameters: indexes bigint[].
-- A row is a stream, in the order of ids.
SELECT DISTINCT stream_id
FROM log
WHERE leaf_index = ANY (%(indexes)s::bigint[])
ORDER BY stream_id
