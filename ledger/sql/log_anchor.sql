-- Begins anew with the transaction ids of this cluster: what was written so far is told by what the log lacks.
-- No parameters.
UPDATE log_state
SET
  cluster = (SELECT system_identifier::text FROM pg_control_system()),
  anchor_position = (SELECT last_value FROM event_position),
  anchored = false,
  snapshot = pg_current_snapshot(),
  pending = NULL,
  pending_position = NULL
