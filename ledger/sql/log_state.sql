-- How far the sealer is, and what this transaction sees.
-- No parameters. One row. visible is the snapshot of the statement, cluster_now the system identifier of this cluster.
SELECT
  next_index,
  snapshot::text,
  coalesce(pending, pg_current_snapshot())::text AS bound,
  coalesce(pending_position, 0) AS after_position,
  pending IS NOT NULL AS is_pending,
  anchor_position,
  anchored,
  cluster,
  (SELECT system_identifier::text FROM pg_control_system()) AS cluster_now,
  pg_snapshot_xmax(snapshot) > pg_snapshot_xmax(pg_current_snapshot()) AS from_the_future,
  latest,
  lateness,
  origin,
  note
FROM log_state
