-- About the oldest event that no tick has sealed, and how many events are sealed.
-- No parameters. One row; recorded_at is null where nothing waits.
SELECT
  s.next_index,
  s.signed_at,
  (
    SELECT extract(epoch FROM clock_timestamp() - e.recorded_at)::float8
    FROM events AS e
    WHERE e.xid >= pg_snapshot_xmax(s.snapshot)
      AND e.xid < pg_snapshot_xmax(pg_current_snapshot())
      AND e.position > s.anchor_position
    ORDER BY e.xid
    LIMIT 1
  )
FROM log_state AS s
