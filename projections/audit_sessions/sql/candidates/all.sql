-- All sessions.
-- Parameters: as of `candidates`.
SELECT 1 AS leg, s.family_id
FROM audit_sessions AS s
WHERE s.slot = {slot}
  AND s.family_id >= %(low)s::uuid
  AND s.family_id < %(high)s::uuid
ORDER BY s.family_id DESC
LIMIT %(a_leg)s
