-- Hashes of leaves that follow one another: a tile of level 0 that need not be full.
-- Parameters: first and until bigint (exclusive).
-- One row: their hashes one after the other; empty where there are none.
SELECT coalesce(string_agg(leaf_hash, ''::bytea ORDER BY leaf_index), ''::bytea)
FROM log
WHERE leaf_index >= %(first)s
  AND leaf_index < %(until)s
