-- About the oldest event that no tick has sealed, how many there are, and how many events are sealed.
-- Parameter: maximum bigint, the most that are counted. One row; the seconds are null where nothing waits.
SELECT
  s.next_index,
  s.signed_at,
  extract(epoch FROM clock_timestamp() - w.oldest)::float8,
  w.events
FROM log_state AS s
CROSS JOIN LATERAL (
  SELECT min(u.recorded_at) AS oldest, count(*) AS events
  FROM (
    (
      SELECT e.recorded_at
      FROM events AS e
      WHERE s.anchored AND s.cluster IS NOT NULL
        AND e.xid >= pg_snapshot_xmax(s.snapshot)
        AND e.xid < pg_snapshot_xmax(pg_current_snapshot())
        AND e.position > s.anchor_position
      ORDER BY e.xid
      LIMIT %(maximum)s
    )
    UNION ALL
    ( -- the log has yet to begin, or to begin anew: a bounded look, as anybody may ask
      SELECT e.recorded_at
      FROM (SELECT stream_id, version, recorded_at FROM events ORDER BY stream_id DESC LIMIT 1000) AS e
      WHERE NOT (s.anchored AND s.cluster IS NOT NULL)
        AND NOT EXISTS (SELECT FROM log AS l WHERE l.stream_id = e.stream_id AND l.version = e.version)
    )
  ) AS u
) AS w
