-- About the oldest event that no tick has sealed, and how many events are sealed.
-- No parameters. One row; the seconds are null where nothing waits.
SELECT
  s.next_index,
  s.signed_at,
  extract(epoch FROM clock_timestamp() - CASE
    WHEN s.anchored AND s.cluster IS NOT NULL THEN (
      SELECT e.recorded_at
      FROM events AS e
      WHERE e.xid >= pg_snapshot_xmax(s.snapshot)
        AND e.xid < pg_snapshot_xmax(pg_current_snapshot())
        AND e.position > s.anchor_position
      ORDER BY e.xid
      LIMIT 1
    )
    ELSE ( -- the log has yet to begin, or to begin anew: a bounded look, as anybody may ask
      SELECT min(e.recorded_at)
      FROM (SELECT stream_id, version, recorded_at FROM events ORDER BY stream_id DESC LIMIT 1000) AS e
      WHERE NOT EXISTS (SELECT FROM log AS l WHERE l.stream_id = e.stream_id AND l.version = e.version)
    )
  END)::float8
FROM log_state AS s
