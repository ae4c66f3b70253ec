-- Keeps months from being removed until the transaction ends. To be sent before its first snapshot is taken, as a
-- dropped partition is gone for older snapshots, too.
LOCK TABLE events, personal_data IN ACCESS SHARE MODE
