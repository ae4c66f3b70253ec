-- Tries to become the leader, for as long as the connection lives.
-- Parameter: lock bigint. One row: whether this connection leads now.
SELECT pg_try_advisory_lock(%(lock)s)
