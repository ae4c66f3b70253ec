-- Empties the slot of a projection that nobody reads, for a rebuild to fill. Runs with its owner's rights, as the
-- service may not TRUNCATE.
CREATE OR REPLACE FUNCTION empty_spare_slot(of_projection text) RETURNS void
LANGUAGE plpgsql
SECURITY DEFINER
AS $$
DECLARE
  spare smallint;
  table_name text;
BEGIN
  SELECT s.slot INTO STRICT spare
  FROM projection_slots AS s
  WHERE s.projection = of_projection AND NOT s.live
  FOR UPDATE;
  FOREACH table_name IN ARRAY CASE of_projection
    WHEN 'security_hours' THEN ARRAY['security_hours', 'security_minutes']
    ELSE ARRAY[of_projection]
  END LOOP
    EXECUTE format('TRUNCATE %I', table_name || '_' || spare);
  END LOOP;
  IF of_projection = 'audit_sessions' THEN
    UPDATE audit_session_clocks SET ahead = '0', behind = '0' WHERE slot = spare;
  END IF;
  UPDATE projection_slots AS s
  SET
    next_index = 0,
    version = 1 + (SELECT l.version FROM projection_slots AS l WHERE l.projection = of_projection AND l.live)
  WHERE s.projection = of_projection AND s.slot = spare;
END
$$;

DO $$
BEGIN
  EXECUTE format('ALTER FUNCTION empty_spare_slot(text) SET search_path = %I, pg_temp', current_schema());
  REVOKE EXECUTE ON FUNCTION empty_spare_slot(text) FROM PUBLIC;
END
$$;
