-- Sessions of a client.
-- Parameters: of_client text; the others as of `candidates`. The condition is a range of the index, not an equality, and its order is
-- asked for, so that no walk along all sessions can be taken for cheaper.
SELECT 1 AS leg, s.family_id
FROM audit_sessions AS s
WHERE s.slot = {slot}
  AND (s.client_id, s.family_id) >= (%(of_client)s::text, %(low)s::uuid)
  AND (s.client_id, s.family_id) < (%(of_client)s::text, %(high)s::uuid)
ORDER BY s.client_id DESC, s.family_id DESC
LIMIT %(a_leg)s
