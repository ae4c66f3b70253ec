-- The next families of a subject in the order of their ids, ended ones too: so many that their events are not too
-- many for one step, and one at least.
-- Parameters: subject text; after uuid (exclusive); families int; events int (by the versions of the rows).
-- A row is a family's id; no row: there is no more.
SELECT family_id
FROM (
  SELECT
    family_id,
    row_number() OVER (ORDER BY family_id) AS number,
    sum(version) OVER (ORDER BY family_id) AS events
  FROM (
    SELECT family_id, version
    FROM active_tokens
    WHERE subject = %(subject)s
      AND family_id > %(after)s::uuid
    ORDER BY family_id
    LIMIT %(families)s
  ) AS next
) AS counted
WHERE number = 1
  OR events <= %(events)s
ORDER BY family_id
