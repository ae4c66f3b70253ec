-- Stores full tiles.
-- Parameters: level smallint[], tile_index bigint[], hashes bytea[], root bytea[], equally long.
INSERT INTO tiles (level, tile_index, hashes, root)
SELECT level, tile_index, hashes, root
FROM unnest(%(level)b::smallint[], %(tile_index)b::bigint[], %(hashes)b::bytea[], %(root)b::bytea[])
  AS new (level, tile_index, hashes, root)
