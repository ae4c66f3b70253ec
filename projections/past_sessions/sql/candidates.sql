-- The next families that a page of the past looks at, by what never changes of a family.
-- Parameters: time timestamptz (inclusive); before uuid (exclusive); maximum int; each of these or null: ids uuid[],
-- subject, client_id text, created_before (exclusive), created_after (inclusive) timestamptz.
-- A row is a family opened at or before the time, newest first; no row: there are no more.
SELECT family_id, subject = coalesce(%(subject)s::text, subject)
  AND client_id = coalesce(%(client_id)s::text, client_id)
  AND opened_at < coalesce(%(created_before)s::timestamptz, 'infinity')
  AND opened_at >= coalesce(%(created_after)s::timestamptz, '-infinity')
FROM active_tokens
WHERE family_id < %(before)s
  AND opened_at <= %(time)s
  AND (%(ids)s::uuid[] IS NULL OR family_id = ANY(%(ids)s::uuid[]))
  AND (%(subject)s::text IS NULL OR subject = %(subject)s::text)
ORDER BY family_id DESC
LIMIT %(maximum)s
