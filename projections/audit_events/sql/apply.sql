-- Adds the events of some leaves.
-- Parameters: slot smallint; first (inclusive), until (exclusive) bigint; session_types text[]: types of sessions' events.
-- The subject of a session is fixed when it is opened; where retention removed its row, its first event says it.
INSERT INTO audit_events (
  slot, leaf_index, stream_id, version, of_session, type, occurred_at, actor, client_id, subject, address
)
SELECT
  %(slot)s::smallint, l.leaf_index, e.stream_id, e.version, e.type = ANY(%(session_types)s::text[]), e.type,
  e.occurred_at, e.actor, e.client_id,
  CASE
    WHEN e.type <> ALL(%(session_types)s::text[]) THEN e.payload::json ->> 'subject'
    ELSE coalesce(
      a.subject,
      (SELECT f.payload::json ->> 'subject' FROM events AS f WHERE f.stream_id = e.stream_id AND f.version = 1)
    )
  END,
  CASE WHEN p.data IS NOT NULL THEN address_of(p.data) END
FROM log AS l
JOIN events AS e ON e.stream_id = l.stream_id AND e.version = l.version
LEFT JOIN active_tokens AS a ON a.family_id = e.stream_id
LEFT JOIN personal_data AS p ON p.stream_id = e.stream_id AND p.version = e.version
WHERE l.leaf_index >= %(first)s::bigint
  AND l.leaf_index < %(until)s::bigint
ORDER BY l.leaf_index
