-- Recording hashes of leaves that follow one another, tile by tile.
-- Parameters: first and until bigint (exclusive); none bytea, for a leaf without a hash, or with what is none.
-- A row is a tile with such leaves, in order, and their hashes one after the other.
SELECT
  leaf_index / 256,
  string_agg(
    CASE WHEN octet_length(recording_hash) = 32 THEN recording_hash ELSE %(none)s END, ''::bytea ORDER BY leaf_index
  )
FROM log
WHERE leaf_index >= %(first)s
  AND leaf_index < %(until)s
GROUP BY leaf_index / 256
ORDER BY leaf_index / 256
