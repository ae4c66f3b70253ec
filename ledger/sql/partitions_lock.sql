-- Keeps others from making partitions until the transaction ends, as create_months_ahead does.
SELECT pg_advisory_xact_lock(hashtext('token ledger: partitions'))
