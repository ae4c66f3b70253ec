-- The chain of recording hashes at the end of the last full tile that has it.
-- Parameters: tile_index bigint (exclusive).
-- A row is that tile; no row: no tile before it has.
SELECT tile_index, recordings
FROM tiles
WHERE level = 0
  AND tile_index < %(tile_index)s
  AND recordings IS NOT NULL
ORDER BY tile_index DESC
LIMIT 1
