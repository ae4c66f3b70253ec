-- Counts the events of some leaves, by the hour in which they occurred.
-- Parameters: slot smallint; first (inclusive), until (exclusive) bigint.
INSERT INTO security_hours AS known (slot, start, issued, rotated, replayed, reuse_detected, revoked, expired)
SELECT
  %(slot)s::smallint,
  date_trunc('hour', e.occurred_at, 'UTC') AS start,
  count(*) FILTER (WHERE e.type = 'TokenIssued'),
  count(*) FILTER (WHERE e.type = 'TokenRotated'),
  count(*) FILTER (WHERE e.type = 'TokenReplayed'),
  count(*) FILTER (WHERE e.type = 'ReuseDetected'),
  count(*) FILTER (WHERE e.type = 'TokenRevoked'),
  count(*) FILTER (WHERE e.type = 'TokenExpired')
FROM log AS l
JOIN events AS e ON e.stream_id = l.stream_id AND e.version = l.version
WHERE l.leaf_index >= %(first)s::bigint
  AND l.leaf_index < %(until)s::bigint
  AND e.type IN ('TokenIssued', 'TokenRotated', 'TokenReplayed', 'ReuseDetected', 'TokenRevoked', 'TokenExpired')
GROUP BY date_trunc('hour', e.occurred_at, 'UTC')
ON CONFLICT (slot, start) DO UPDATE SET
  issued = known.issued + excluded.issued,
  rotated = known.rotated + excluded.rotated,
  replayed = known.replayed + excluded.replayed,
  reuse_detected = known.reuse_detected + excluded.reuse_detected,
  revoked = known.revoked + excluded.revoked,
  expired = known.expired + excluded.expired
