-- Creates the partitions of the months ahead that are missing. Fails with lock_not_available where somebody has
-- been reading for longer than the lock may be waited for.
SELECT create_months_ahead()
