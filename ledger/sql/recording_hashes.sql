-- Recording hashes of leaves that follow one another, tile by tile.
-- Parameters: first and until bigint (exclusive).
-- A row is a tile with such leaves, in order, and their hashes one after the other: empty where it has none.
SELECT leaf_index / 256, coalesce(string_agg(recording_hash, ''::bytea ORDER BY leaf_index), ''::bytea)
FROM log
WHERE leaf_index >= %(first)s
  AND leaf_index < %(until)s
GROUP BY leaf_index / 256
ORDER BY leaf_index / 256
