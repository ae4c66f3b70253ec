-- The stored roots of full tiles.
-- Parameters: level int[], tile_index bigint[], equally long.
-- A row is a tile; those that are not stored have no row.
SELECT t.level, t.tile_index, t.root
FROM unnest(%(level)s::int[], %(tile_index)s::bigint[]) AS wanted (level, tile_index)
JOIN tiles AS t ON t.level = wanted.level AND t.tile_index = wanted.tile_index
