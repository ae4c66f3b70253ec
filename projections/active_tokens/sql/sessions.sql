-- A page of sessions as they are now.
-- Parameters: now timestamptz; before uuid (exclusive); maximum int; those of a filter, each or null: ids uuid[],
-- subject, client_id, device_label and status text, network inet, created_before (exclusive), created_after
-- (inclusive) and last_used_before (exclusive) timestamptz; unended boolean: those that have not ended.
-- A row is a session, newest first; no row: none of these.
SELECT
  family_id, subject, client_id, status, generation, device_label, address, user_agent, opened_at, last_used_at,
  idle_expires_at, absolute_expires_at, ended_at, ended_reason
FROM sessions_at(%(now)s)
WHERE (%(ids)s::uuid[] IS NULL OR family_id = ANY(%(ids)s::uuid[]))
  AND (%(subject)s::text IS NULL OR subject = %(subject)s::text)
  AND (%(client_id)s::text IS NULL OR client_id = %(client_id)s::text)
  AND (%(device_label)s::text IS NULL OR device_label = %(device_label)s::text)
  AND (
    %(network)s::inet IS NULL
    OR CASE WHEN address <> 'unknown' THEN address::inet <<= %(network)s::inet ELSE false END
  )
  AND (%(created_before)s::timestamptz IS NULL OR opened_at < %(created_before)s::timestamptz)
  AND (%(created_after)s::timestamptz IS NULL OR opened_at >= %(created_after)s::timestamptz)
  AND (%(last_used_before)s::timestamptz IS NULL OR last_used_at < %(last_used_before)s::timestamptz)
  AND (%(status)s::text IS NULL OR status = %(status)s::text)
  AND (NOT %(unended)s OR ended_at IS NULL)
  AND (%(before)s::uuid IS NULL OR family_id < %(before)s::uuid)
ORDER BY family_id DESC
LIMIT %(maximum)s
