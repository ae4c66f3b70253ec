-- Appends events with the personal data beside them, in the order given: positions ascend with it.
-- Parameters: one array a column, equally long; salt and data are null where there is no personal data.
-- A version that exists fails on one_event_a_version; nothing is ever skipped silently.
WITH new AS (
  SELECT *
  FROM unnest(
    %(stream_id)b::uuid[], %(version)b::int[], %(type)b::text[], %(schema_version)b::smallint[],
    %(occurred_at)b::timestamptz[], %(actor)b::text[], %(client_id)b::text[], %(correlation_id)b::uuid[],
    %(causation)b::text[], %(payload)b::text[], %(personal_data)b::bytea[], %(previous)b::bytea[],
    %(leaf_hash)b::bytea[], %(salt)b::bytea[], %(data)b::text[]
  ) WITH ORDINALITY AS row (
    stream_id, version, type, schema_version, occurred_at, actor, client_id, correlation_id, causation, payload,
    personal_data, previous, leaf_hash, salt, data, place
  )
), appended AS (
  INSERT INTO events (
    stream_id, version, type, schema_version, occurred_at, actor, client_id, correlation_id, causation, payload,
    personal_data, previous, leaf_hash
  )
  SELECT
    stream_id, version, type, schema_version, occurred_at, actor, client_id, correlation_id, causation, payload,
    personal_data, previous, leaf_hash
  FROM new
  ORDER BY place
)
INSERT INTO personal_data (stream_id, version, salt, data)
SELECT stream_id, version, salt, data
FROM new
WHERE salt IS NOT NULL
