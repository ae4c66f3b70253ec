-- The last id of the next families in the order of their ids, by their first events and by the view's rows.
-- Parameters: after uuid (exclusive), families int.
-- One row, null when there is no more.
SELECT max(family_id::text)::uuid
FROM (
  (
    SELECT stream_id AS family_id
    FROM events
    WHERE stream_id > %(after)s
      AND version = 1
      AND type = 'TokenIssued'
    ORDER BY stream_id
    LIMIT %(families)s
  )
  UNION
  (
    SELECT family_id
    FROM active_tokens
    WHERE family_id > %(after)s
    ORDER BY family_id
    LIMIT %(families)s
  )
  ORDER BY family_id
  LIMIT %(families)s
) AS next
