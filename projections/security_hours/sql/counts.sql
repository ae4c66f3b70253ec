-- How many events of each kind occurred in some time.
-- Parameters, all timestamptz but unit: since (inclusive), until (exclusive); first_minute, end_minute: the whole
-- minutes in it; first_hour, end_hour: the whole hours in those; unit text: 'hour' or 'day', null: no buckets.
-- A row is a bucket in which there was any; without a unit one row, whose counts are null where there was none.
WITH pieces AS (
  SELECT start, issued, rotated, replayed, reuse_detected, revoked, expired
  FROM security_hours
  WHERE slot = (SELECT slot FROM projection_slots WHERE projection = 'security_hours' AND live)
    AND start >= %(first_hour)s::timestamptz
    AND start < %(end_hour)s::timestamptz
  UNION ALL
  SELECT m.start, m.issued, m.rotated, m.replayed, m.reuse_detected, m.revoked, m.expired
  FROM (
    VALUES
      (%(first_minute)s::timestamptz, %(first_hour)s::timestamptz),
      (%(end_hour)s::timestamptz, %(end_minute)s::timestamptz)
  ) AS edge (since, until)
  JOIN security_minutes AS m ON m.start >= edge.since AND m.start < edge.until
  WHERE m.slot = (SELECT slot FROM projection_slots WHERE projection = 'security_hours' AND live)
  UNION ALL
  SELECT
    edge.since,
    count(*) FILTER (WHERE e.type = 'TokenIssued'),
    count(*) FILTER (WHERE e.type = 'TokenRotated'),
    count(*) FILTER (WHERE e.type = 'TokenReplayed'),
    count(*) FILTER (WHERE e.type = 'ReuseDetected'),
    count(*) FILTER (WHERE e.type = 'TokenRevoked'),
    count(*) FILTER (WHERE e.type = 'TokenExpired')
  FROM (
    VALUES
      (%(since)s::timestamptz, %(first_minute)s::timestamptz),
      (%(end_minute)s::timestamptz, %(until)s::timestamptz)
  ) AS edge (since, until)
  CROSS JOIN LATERAL (
    SELECT a.type
    FROM audit_events AS a
    WHERE a.slot = (SELECT slot FROM projection_slots WHERE projection = 'audit_events' AND live)
      AND edge.since < edge.until
      AND a.occurred_at >= edge.since
      AND a.occurred_at < edge.until
      AND a.leaf_index >= coalesce(
        (SELECT t.leaf_index FROM log_times AS t WHERE t.latest < edge.since ORDER BY t.latest DESC LIMIT 1),
        0
      )
      AND a.leaf_index < coalesce(
        (
          SELECT t.leaf_index
          FROM log_times AS t
          WHERE t.latest >= edge.until + (SELECT lateness FROM log_state)
          ORDER BY t.latest
          LIMIT 1
        ),
        9223372036854775807
      )
    OFFSET 0
  ) AS e
  GROUP BY edge.since
)
SELECT
  date_trunc(%(unit)s::text, start, 'UTC'),
  sum(issued)::bigint, sum(rotated)::bigint, sum(replayed)::bigint, sum(reuse_detected)::bigint,
  sum(revoked)::bigint, sum(expired)::bigint
FROM pieces
GROUP BY 1
