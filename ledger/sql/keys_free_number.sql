-- The number for a new refresh key: the lowest that was never used, else the one that has been free longest, so
-- that no process still holds a revoked key of that number.
-- No parameters. One row; no row: all 16 numbers are in use.
SELECT candidate.number
FROM generate_series(0, 15) AS candidate (number)
LEFT JOIN keys ON keys.number = candidate.number
GROUP BY candidate.number
HAVING count(*) FILTER (WHERE keys.state <> 'revoked') = 0
ORDER BY max(keys.revoked_at) NULLS FIRST, candidate.number
LIMIT 1
