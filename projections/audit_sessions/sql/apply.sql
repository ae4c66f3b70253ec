-- Adds the sessions that were opened in some leaves.
-- Parameters: slot smallint; first (inclusive), until (exclusive) bigint.
INSERT INTO audit_sessions (slot, family_id, status, subject, client_id, device_label, address)
SELECT
  %(slot)s::smallint, e.stream_id, 'active', e.payload::json ->> 'subject', e.payload::json ->> 'client_id',
  p.data::json ->> 'device_label', CASE WHEN p.data IS NOT NULL THEN address_of(p.data) END
FROM log AS l
JOIN events AS e ON e.stream_id = l.stream_id AND e.version = l.version
LEFT JOIN personal_data AS p ON p.stream_id = e.stream_id AND p.version = e.version
WHERE l.leaf_index >= %(first)s::bigint
  AND l.leaf_index < %(until)s::bigint
  AND e.type = 'TokenIssued'
ORDER BY l.leaf_index
