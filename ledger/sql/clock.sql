-- The database's clock.
-- No parameters. One row.
SELECT clock_timestamp()
