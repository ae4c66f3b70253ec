-- How many months after this one have their partitions, without a hole.
-- No parameters. One row.
SELECT count(*) FILTER (WHERE complete)
FROM (
  SELECT bool_and(exists_for_both) OVER (ORDER BY month) AS complete
  FROM (
    SELECT
      month,
      (
        SELECT count(*) = 2
        FROM pg_inherits
        WHERE (inhparent = 'events'::regclass AND inhrelid = to_regclass('events' || to_char(month, '_YYYY_MM')))
          OR (inhparent = 'personal_data'::regclass AND inhrelid = to_regclass('personal_data' || to_char(month, '_YYYY_MM')))
      ) AS exists_for_both
    FROM generate_series(1, 12) AS ahead
    CROSS JOIN LATERAL (
      SELECT date_trunc('month', now() AT TIME ZONE 'UTC') + make_interval(months => ahead) AS month
    ) AS of_ahead
  ) AS months
) AS in_order
