-- Sessions that are named.
-- Parameters: ids uuid[]; the others as of `candidates`.
SELECT 1 AS leg, named.family_id
FROM unnest(%(ids)s::uuid[]) AS named (family_id)
WHERE named.family_id >= %(low)s::uuid
  AND named.family_id < %(high)s::uuid
GROUP BY named.family_id
ORDER BY named.family_id DESC
LIMIT %(a_leg)s
