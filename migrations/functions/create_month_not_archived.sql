-- Creates the partitions of one month for the tables partitioned by stream id, unless they exist
-- or the month was archived: its hashes are in the log, and events of it would be others.
-- in_month: any day of the month, UTC. The bounds are the lowest UUIDv7 of the month and of the next one.
CREATE OR REPLACE FUNCTION create_month(in_month date) RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
  first_day timestamp := date_trunc('month', in_month::timestamp);
  lower_bound uuid := (lpad(to_hex((extract(epoch FROM first_day) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid;
  upper_bound uuid := (lpad(to_hex((extract(epoch FROM first_day + interval '1 month') * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid;
  parent text;
  partition text;
  trigger_name text;
BEGIN
  IF EXISTS (SELECT FROM archived_months WHERE archived_months.month = first_day) THEN
    RETURN;
  END IF;
  FOREACH parent IN ARRAY ARRAY['events', 'personal_data'] LOOP
    partition := parent || to_char(first_day, '_YYYY_MM');
    CONTINUE WHEN to_regclass(partition) IS NOT NULL;
    EXECUTE format('CREATE TABLE %I PARTITION OF %I FOR VALUES FROM (%L) TO (%L)', partition, parent, lower_bound, upper_bound);
    IF parent = 'events' THEN -- the parent's TRUNCATE trigger does not protect a partition
      EXECUTE format('CREATE TRIGGER no_truncate BEFORE TRUNCATE ON %I FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()', partition);
    END IF;
    FOR trigger_name IN SELECT tgname FROM pg_trigger WHERE tgrelid = partition::regclass AND NOT tgisinternal LOOP
      EXECUTE format('ALTER TABLE %I ENABLE ALWAYS TRIGGER %I', partition, trigger_name);
    END LOOP;
  END LOOP;
END
$$;
