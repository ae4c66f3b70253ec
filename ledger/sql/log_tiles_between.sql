-- Leaves of the log that follow one another, tile by tile.
-- Parameters: first and until bigint (exclusive).
-- A row is a tile with such leaves, in order: its index; its first and last leaf; how many leaves have a hash as it
-- must be; their hashes and their recording hashes, one after the other; and the chain of the latter that is stored of
-- the whole tile, or null.
SELECT l.*, t.recordings
FROM (
  SELECT
    leaf_index / 256 AS tile_index,
    min(leaf_index),
    max(leaf_index),
    count(*) FILTER (WHERE octet_length(leaf_hash) = 32),
    coalesce(string_agg(leaf_hash, ''::bytea ORDER BY leaf_index), ''::bytea),
    coalesce(string_agg(recording_hash, ''::bytea ORDER BY leaf_index), ''::bytea)
  FROM log
  WHERE leaf_index >= %(first)s
    AND leaf_index < %(until)s
  GROUP BY leaf_index / 256
) AS l
LEFT JOIN tiles AS t ON t.level = 0 AND t.tile_index = l.tile_index
ORDER BY l.tile_index
