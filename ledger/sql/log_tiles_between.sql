-- Leaves of the log that follow one another, tile by tile.
-- Parameters: first and until bigint (exclusive); none bytea, for a leaf without a recording hash, or with what is none.
-- A row is a tile with such leaves, in order: its index; its first and last leaf; how many leaves have a hash as it
-- must be; their hashes and their recording hashes, one after the other; how many leaves have the latter; and the chain
-- of these that is stored of the whole tile, or null.
SELECT l.*, t.recordings
FROM (
  SELECT
    leaf_index / 256 AS tile_index,
    min(leaf_index),
    max(leaf_index),
    count(*) FILTER (WHERE octet_length(leaf_hash) = 32),
    coalesce(string_agg(leaf_hash, ''::bytea ORDER BY leaf_index), ''::bytea),
    string_agg(
      CASE WHEN octet_length(recording_hash) = 32 THEN recording_hash ELSE %(none)s END, ''::bytea ORDER BY leaf_index
    ),
    count(*) FILTER (WHERE octet_length(recording_hash) = 32)
  FROM log
  WHERE leaf_index >= %(first)s
    AND leaf_index < %(until)s
  GROUP BY leaf_index / 256
) AS l
LEFT JOIN tiles AS t ON t.level = 0 AND t.tile_index = l.tile_index
ORDER BY l.tile_index
