-- The last id of the next families in the order of their ids, by their first events and by the view's rows: so many
-- that their events are not too many for one step, and one at least.
-- Parameters: after uuid (exclusive), families int, events int (by the versions of the view's rows).
-- One row, null when there is no more.
SELECT max(family_id::text)::uuid
FROM (
  SELECT
    family_id,
    row_number() OVER (ORDER BY family_id) AS number,
    sum(version) OVER (ORDER BY family_id) AS events
  FROM (
    SELECT family_id, max(version) AS version
    FROM (
      (
        SELECT stream_id AS family_id, 1 AS version
        FROM events
        WHERE stream_id > %(after)s
          AND version = 1
          AND type = 'TokenIssued'
        ORDER BY stream_id
        LIMIT %(families)s
      )
      UNION ALL
      (
        SELECT family_id, version
        FROM active_tokens
        WHERE family_id > %(after)s
        ORDER BY family_id
        LIMIT %(families)s
      )
    ) AS known
    GROUP BY family_id
    ORDER BY family_id
    LIMIT %(families)s
  ) AS next
) AS counted
WHERE number = 1
  OR events <= %(events)s
