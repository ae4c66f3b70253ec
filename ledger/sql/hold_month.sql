-- Keeps everybody from appending to a month until the transaction ends.
-- Parameters: month date. Fails with lock_not_available where somebody is appending for longer than lock_timeout.
SELECT hold_month(%(month)s)
