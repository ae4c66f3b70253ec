-- Gives events their places in the log.
-- Parameters: first_index bigint; stream_id uuid[], version int[], leaf_hash and recording_hash bytea[], equally long, in order.
-- Fails on log_pkey when another sealer was faster, on sealed_once for an event that has a place.
INSERT INTO log (leaf_index, stream_id, version, leaf_hash, recording_hash)
SELECT %(first_index)s + place - 1, stream_id, version, leaf_hash, recording_hash
FROM unnest(%(stream_id)b::uuid[], %(version)b::int[], %(leaf_hash)b::bytea[], %(recording_hash)b::bytea[])
  WITH ORDINALITY AS new (stream_id, version, leaf_hash, recording_hash, place)
