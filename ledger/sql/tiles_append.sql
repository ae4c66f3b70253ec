-- Stores full tiles.
-- Parameters: level smallint[], tile_index bigint[], hashes bytea[], root bytea[]; recordings bytea[], null above level 0; equally long.
INSERT INTO tiles (level, tile_index, hashes, root, recordings)
SELECT level, tile_index, hashes, root, recordings
FROM unnest(
  %(level)b::smallint[], %(tile_index)b::bigint[], %(hashes)b::bytea[], %(root)b::bytea[], %(recordings)b::bytea[]
) AS new (level, tile_index, hashes, root, recordings)
