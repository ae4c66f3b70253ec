-- Roots of full tiles that follow one another: a tile one level above that need not be full.
-- Parameters: level int (of the full tiles); first and until bigint (exclusive).
-- One row: their roots one after the other; empty where there are none.
SELECT coalesce(string_agg(root, ''::bytea ORDER BY tile_index), ''::bytea)
FROM tiles
WHERE level = %(level)s
  AND tile_index >= %(first)s
  AND tile_index < %(until)s
