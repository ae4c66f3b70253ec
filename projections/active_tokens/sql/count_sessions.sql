-- How many sessions match a filter now.
-- Parameters: now timestamptz; those of a filter, each or null: ids uuid[],
-- subject, client_id, device_label and status text, network inet, created_before (exclusive), created_after
-- (inclusive) and last_used_before (exclusive) timestamptz; unended boolean: those that have not ended.
-- One row, the number.
SELECT count(*)
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
