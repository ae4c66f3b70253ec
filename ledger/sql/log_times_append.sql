-- Keeps the latest time below some leaves.
-- Parameters: leaf_index bigint[], latest timestamptz[], equally long.
INSERT INTO log_times (leaf_index, latest)
SELECT leaf_index, latest
FROM unnest(%(leaf_index)b::bigint[], %(latest)b::timestamptz[]) AS new (leaf_index, latest)
