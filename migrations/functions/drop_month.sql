-- Detaches and drops the partitions of a month. The parents are to be locked before, for as short as can be.
-- in_month: any day of the month, UTC.
CREATE OR REPLACE FUNCTION drop_month(in_month date) RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
  parent text;
  partition text;
BEGIN
  FOREACH parent IN ARRAY ARRAY['events', 'personal_data'] LOOP
    partition := parent || to_char(in_month, '_YYYY_MM');
    EXECUTE format('ALTER TABLE %I DETACH PARTITION %I', parent, partition);
    EXECUTE format('DROP TABLE %I', partition);
  END LOOP;
END
$$;
