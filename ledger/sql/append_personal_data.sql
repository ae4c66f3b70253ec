-- Stores the personal data of events beside them.
-- Parameters: one array a column, equally long.
INSERT INTO personal_data (stream_id, version, salt, data)
SELECT stream_id, version, salt, data
FROM unnest(%(stream_id)b::uuid[], %(version)b::int[], %(salt)b::bytea[], %(data)b::text[])
  AS new (stream_id, version, salt, data)
