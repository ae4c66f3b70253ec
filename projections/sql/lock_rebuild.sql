-- Whether this session may rebuild a projection: nobody else does, as long as it lasts.
-- Parameter: projection text. One row.
SELECT pg_try_advisory_lock(hashtextextended('token ledger: rebuild of ' || %(projection)s::text, 0))
