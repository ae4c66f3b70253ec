-- The last step of a tick found nothing more: all that its snapshot shows is sealed.
-- Parameters: snapshot pg_snapshot as text.
UPDATE log_state
SET snapshot = %(snapshot)s::pg_snapshot, pending = NULL, pending_position = NULL
