-- Changes the sessions to which something happened in some leaves: each once, to what is last said of it.
-- Parameters: slot smallint; first (inclusive), until (exclusive) bigint.
UPDATE audit_sessions AS s
SET
  address = CASE WHEN new.used THEN new.address ELSE s.address END,
  device_label = CASE WHEN new.renamed THEN new.device_label ELSE s.device_label END,
  status = coalesce(new.status, s.status),
  ended_at = coalesce(new.ended_at, s.ended_at)
FROM (
  SELECT
    e.stream_id AS family_id,
    bool_or(e.type = 'TokenRotated') AS used,
    (array_agg(address_of(p.data) ORDER BY e.version DESC) FILTER (WHERE e.type = 'TokenRotated'))[1] AS address,
    bool_or(e.type = 'SessionRenamed') AS renamed,
    (array_agg(p.data::json ->> 'device_label' ORDER BY e.version DESC) FILTER (WHERE e.type = 'SessionRenamed'))[1]
      AS device_label,
    max(CASE e.type WHEN 'TokenRevoked' THEN 'revoked' WHEN 'TokenExpired' THEN 'expired' END) AS status,
    max(
      CASE e.type
        WHEN 'TokenRevoked' THEN e.occurred_at
        WHEN 'TokenExpired' THEN (e.payload::json ->> 'deadline')::timestamptz
      END
    ) AS ended_at
  FROM log AS l
  JOIN events AS e ON e.stream_id = l.stream_id AND e.version = l.version
  LEFT JOIN personal_data AS p ON p.stream_id = e.stream_id AND p.version = e.version
  WHERE l.leaf_index >= %(first)s::bigint
    AND l.leaf_index < %(until)s::bigint
    AND e.type IN ('TokenRotated', 'SessionRenamed', 'TokenRevoked', 'TokenExpired')
  GROUP BY e.stream_id
) AS new
WHERE s.slot = %(slot)s::smallint
  AND s.family_id = new.family_id
  AND (
    new.status IS NOT NULL
    OR new.used AND new.address IS DISTINCT FROM s.address
    OR new.renamed AND new.device_label IS DISTINCT FROM s.device_label
  )
