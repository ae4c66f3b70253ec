-- Keeps how far the sealer is, with the checkpoint that it signed, and wakes whoever listens.
-- Parameters: next_index bigint; snapshot, pending pg_snapshot as text; pending_position bigint; latest timestamptz;
-- lateness interval; origin, note text; root_hash bytea; signed_at timestamptz.
WITH saved AS (
  UPDATE log_state
  SET
    next_index = %(next_index)s,
    snapshot = %(snapshot)s::pg_snapshot,
    pending = %(pending)s::pg_snapshot,
    pending_position = %(pending_position)s,
    latest = %(latest)s,
    lateness = %(lateness)s,
    origin = %(origin)s,
    root_hash = %(root_hash)s,
    signed_at = %(signed_at)s,
    note = %(note)s
)
SELECT pg_notify('token_ledger_sealed', %(next_index)s::text)
