-- Sessions of a subject.
-- Parameters: of_subject text; the others as of `candidates`. The condition is a range of the index, not an equality, and its order is
-- asked for, so that no walk along all sessions can be taken for cheaper.
SELECT 1 AS leg, s.family_id
FROM audit_sessions AS s
WHERE s.slot = {slot}
  AND (s.subject, s.family_id) >= (%(of_subject)s::text, %(low)s::uuid)
  AND (s.subject, s.family_id) < (%(of_subject)s::text, %(high)s::uuid)
ORDER BY s.subject DESC, s.family_id DESC
LIMIT %(a_leg)s
