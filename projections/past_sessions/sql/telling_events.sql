-- The few events that tell what families were at a moment: the first; the last ones of those that matter, each the
-- last at or before the moment.
-- Parameters: family_ids uuid[], time timestamptz (inclusive).
-- A row is an event with the personal data beside it, family by family, oldest first: the first event, the last
-- rotation, the last renaming, and the two newest, one of which ended the family if it has ended. No row of a family
-- that did not exist yet.
-- The newest event at the moment is found by halving: times never run back within a stream. That is one look into the
-- primary key for each doubling of the number of events.
WITH RECURSIVE search (family_id, low, high) AS (
  SELECT
    family.family_id,
    CASE WHEN newest.occurred_at <= %(time)s THEN newest.version ELSE 0 END,
    CASE WHEN newest.occurred_at <= %(time)s THEN newest.version + 1 ELSE newest.version END
  FROM unnest(%(family_ids)s::uuid[]) AS family (family_id)
  CROSS JOIN LATERAL (
    SELECT version, occurred_at
    FROM events
    WHERE stream_id = family.family_id
    ORDER BY version DESC
    LIMIT 1
  ) AS newest
  UNION ALL
  SELECT
    search.family_id,
    CASE WHEN probe.occurred_at <= %(time)s THEN probe.version ELSE search.low END,
    CASE WHEN probe.occurred_at <= %(time)s THEN search.high ELSE probe.version END
  FROM search
  CROSS JOIN LATERAL (
    SELECT version, occurred_at
    FROM events
    WHERE stream_id = search.family_id
      AND version = (search.low + search.high) / 2
  ) AS probe
  WHERE search.high - search.low > 1
), found AS (
  SELECT family_id, low AS version
  FROM search
  WHERE high - low = 1
    AND low > 0
)
SELECT
  e.stream_id, e.version, e.type, e.schema_version, e.occurred_at, e.payload, p.data
FROM found
CROSS JOIN LATERAL (
  SELECT 1 AS version
  UNION
  SELECT found.version
  UNION
  SELECT found.version - 1
  UNION
  (
    SELECT version
    FROM events
    WHERE stream_id = found.family_id
      AND version <= found.version
      AND type = 'TokenRotated'
    ORDER BY version DESC
    LIMIT 1
  )
  UNION
  (
    SELECT version
    FROM events
    WHERE stream_id = found.family_id
      AND version <= found.version
      AND type = 'SessionRenamed'
    ORDER BY version DESC
    LIMIT 1
  )
) AS telling
CROSS JOIN LATERAL (
  SELECT *
  FROM events
  WHERE stream_id = found.family_id
    AND version = telling.version
) AS e
LEFT JOIN personal_data AS p ON p.stream_id = e.stream_id AND p.version = e.version
ORDER BY e.stream_id, e.version
