-- The clock, and the state of the subjects and clients of a batch. To be sent after the families are locked:
-- read in the locking statement, both could be older than the wait for the lock.
-- Parameters: family_ids uuid[]; subjects text[] and client_ids text[] of sessions about to be opened.
-- One row. Times within JSON are microseconds since 1970.
SELECT
  clock_timestamp(),
  pg_current_xact_id()::text,
  (SELECT not_before FROM everyone),
  (
    SELECT json_agg(json_build_array(s.subject, s.status, (extract(epoch FROM s.not_before) * 1000000)::bigint))::text
    FROM subjects AS s
    WHERE s.subject = ANY(%(subjects)s::text[])
      OR s.subject IN (SELECT a.subject FROM active_tokens AS a WHERE a.family_id = ANY(%(family_ids)b::uuid[]))
  ),
  (
    SELECT json_agg(json_build_array(c.client_id, c.confidential, c.policy::text, (extract(epoch FROM c.not_before) * 1000000)::bigint))::text
    FROM clients AS c
    WHERE c.client_id = ANY(%(client_ids)s::text[])
      OR c.client_id IN (SELECT a.client_id FROM active_tokens AS a WHERE a.family_id = ANY(%(family_ids)b::uuid[]))
  )
