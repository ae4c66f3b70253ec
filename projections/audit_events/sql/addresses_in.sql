-- The addresses in a range from which anything was done: one index lookup each, however much was done.
-- Parameters: lowest, highest inet (inclusive); maximum int.
-- A row is an address, lowest first; no row: there is none.
WITH RECURSIVE known (address) AS (
  (
    SELECT a.address
    FROM audit_events AS a
    WHERE a.slot = {slot}
      AND a.address IS NOT NULL
      AND a.address >= %(lowest)s::inet
      AND a.address <= %(highest)s::inet
    ORDER BY a.address
    LIMIT 1
  )
  UNION ALL
  SELECT (
    SELECT a.address
    FROM audit_events AS a
    WHERE a.slot = {slot}
      AND a.address IS NOT NULL
      AND a.address > k.address
      AND a.address <= %(highest)s::inet
    ORDER BY a.address
    LIMIT 1
  )
  FROM known AS k
  WHERE k.address IS NOT NULL
)
SELECT address
FROM known
WHERE address IS NOT NULL
LIMIT %(maximum)s
