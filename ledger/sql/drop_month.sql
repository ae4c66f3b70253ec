-- Detaches and drops the partitions of a month.
-- Parameters: month date.
SELECT drop_month(%(month)s)
