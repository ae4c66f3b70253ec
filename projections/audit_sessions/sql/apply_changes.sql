-- Changes the sessions to which something happened in some leaves: each once, to what is last said of it.
-- Parameters: slot smallint; first (inclusive), until (exclusive) bigint.
-- All of them exist; ON CONFLICT finds each by the primary key, whatever the statistics say.
INSERT INTO audit_sessions AS known (slot, family_id, status, ended_at, subject, client_id, device_label, address)
SELECT
  s.slot, s.family_id, coalesce(new.status, s.status), coalesce(new.ended_at, s.ended_at), s.subject, s.client_id,
  CASE WHEN new.renamed THEN new.device_label ELSE s.device_label END,
  CASE WHEN new.used THEN new.address ELSE s.address END
FROM (
  SELECT
    e.stream_id AS family_id,
    bool_or(e.type = 'TokenRotated') AS used,
    address_of((array_agg(p.data ORDER BY e.version DESC) FILTER (WHERE e.type = 'TokenRotated'))[1]) AS address,
    bool_or(e.type = 'SessionRenamed') AS renamed,
    (array_agg(p.data ORDER BY e.version DESC) FILTER (WHERE e.type = 'SessionRenamed'))[1]::json ->> 'device_label'
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
CROSS JOIN LATERAL (
  SELECT *
  FROM audit_sessions
  WHERE slot = %(slot)s::smallint
    AND family_id = new.family_id
  OFFSET 0
) AS s
WHERE new.status IS NOT NULL
  OR new.used AND new.address IS DISTINCT FROM s.address
  OR new.renamed AND new.device_label IS DISTINCT FROM s.device_label
ON CONFLICT (slot, family_id) DO UPDATE SET
  status = excluded.status,
  ended_at = excluded.ended_at,
  device_label = excluded.device_label,
  address = excluded.address
