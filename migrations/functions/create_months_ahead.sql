-- Creates the partitions of last month, this one and the given number of months ahead, where they are missing.
-- Last month's is there for clocks that differ at the turn of a month. Runs with its owner's rights.
CREATE OR REPLACE FUNCTION create_months_ahead(ahead integer DEFAULT 3) RETURNS void
LANGUAGE plpgsql
SECURITY DEFINER
AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(hashtext('token ledger: partitions'));
  PERFORM create_month((date_trunc('month', now() AT TIME ZONE 'UTC') + make_interval(months => offset_months))::date)
  FROM generate_series(-1, ahead) AS offset_months;
END
$$;

DO $$
BEGIN
  EXECUTE format('ALTER FUNCTION create_months_ahead(integer) SET search_path = %I, pg_temp', current_schema());
  REVOKE EXECUTE ON FUNCTION create_months_ahead(integer) FROM PUBLIC;
END
$$;
