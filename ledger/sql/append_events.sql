-- Appends events, in the order given: positions ascend with it.
-- Parameters: one array a column, equally long.
-- A version that exists fails on one_event_a_version; nothing is ever skipped silently.
INSERT INTO events (
  stream_id, version, type, schema_version, occurred_at, actor, client_id, correlation_id, causation, payload,
  personal_data, previous, leaf_hash
)
SELECT
  stream_id, version, type, schema_version, occurred_at, actor, client_id, correlation_id, causation, payload,
  personal_data, previous, leaf_hash
FROM unnest(
  %(stream_id)b::uuid[], %(version)b::int[], %(type)b::text[], %(schema_version)b::smallint[],
  %(occurred_at)b::timestamptz[], %(actor)b::text[], %(client_id)b::text[], %(correlation_id)b::uuid[],
  %(causation)b::text[], %(payload)b::text[], %(personal_data)b::bytea[], %(previous)b::bytea[],
  %(leaf_hash)b::bytea[]
) WITH ORDINALITY AS new (
  stream_id, version, type, schema_version, occurred_at, actor, client_id, correlation_id, causation, payload,
  personal_data, previous, leaf_hash, place
)
ORDER BY place
