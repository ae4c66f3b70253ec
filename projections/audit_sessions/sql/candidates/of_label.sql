-- Sessions with a device label.
-- Parameters: of_label text; the others as of `candidates`. The condition is a range of the index, not an equality, and its order is
-- asked for, so that no walk along all sessions can be taken for cheaper.
SELECT 1 AS leg, s.family_id
FROM audit_sessions AS s
WHERE s.slot = {slot}
  AND s.device_label IS NOT NULL
  AND (s.device_label, s.family_id) >= (%(of_label)s::text, %(low)s::uuid)
  AND (s.device_label, s.family_id) < (%(of_label)s::text, %(high)s::uuid)
ORDER BY s.device_label DESC, s.family_id DESC
LIMIT %(a_leg)s
