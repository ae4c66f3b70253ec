-- Full tiles.
-- Parameters: level smallint[], tile_index bigint[], equally long.
-- A row is a tile that is full; the others have no row.
SELECT t.level, t.tile_index, t.hashes
FROM unnest(%(level)b::smallint[], %(tile_index)b::bigint[]) AS wanted (level, tile_index)
JOIN tiles AS t ON t.level = wanted.level AND t.tile_index = wanted.tile_index
