-- A hash beside each leaf of what the database recorded of the event: it is in no leaf, and signed all the same.

ALTER TABLE log ADD COLUMN recording_hash bytea CHECK (octet_length(recording_hash) = 32);

COMMENT ON COLUMN log.recording_hash IS 'SHA-256 of the event''s position, recorded_at and xid, as they were when it was sealed. Null where an older version sealed it.';

-- The tiles that there are end before the chain begins: with that told, no sealer reads the whole log to find it.
ALTER TABLE tiles
  ADD COLUMN recordings bytea DEFAULT decode(repeat('00', 32), 'hex') CHECK (octet_length(recordings) = 32);
ALTER TABLE tiles ALTER COLUMN recordings DROP DEFAULT;

COMMENT ON COLUMN tiles.recordings IS 'Of level 0: the chain over all recording hashes up to the end of the tile. Zero before its first link; null where an older version stored the tile since.';
