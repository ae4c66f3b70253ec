-- Sessions that no event has ended.
-- Parameters: as of `candidates`. The condition is a range of the index, not an equality, and its order is
-- asked for, so that no walk along all sessions can be taken for cheaper.
SELECT 1 AS leg, s.family_id
FROM audit_sessions AS s
WHERE s.slot = {slot}
  AND s.status = 'active'
  AND (s.status, s.family_id) >= ('active', %(low)s::uuid)
  AND (s.status, s.family_id) < ('active', %(high)s::uuid)
ORDER BY s.status DESC, s.family_id DESC
LIMIT %(a_leg)s
