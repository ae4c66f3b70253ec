-- Keeps everybody from appending to the partition of a month until the transaction ends; reading goes on.
-- in_month: any day of the month, UTC.
CREATE OR REPLACE FUNCTION hold_month(in_month date) RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
  EXECUTE format('LOCK TABLE %I IN SHARE ROW EXCLUSIVE MODE', 'events' || to_char(in_month, '_YYYY_MM'));
END
$$;
