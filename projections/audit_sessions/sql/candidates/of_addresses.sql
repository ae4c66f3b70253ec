-- Sessions last used from some addresses.
-- Parameters: addresses inet[]; the others as of `candidates`. The conditions are as in `of_subject`.
SELECT wanted.leg, found.family_id
FROM unnest(%(addresses)s::inet[]) WITH ORDINALITY AS wanted (address, leg)
CROSS JOIN LATERAL (
  SELECT s.family_id
  FROM audit_sessions AS s
  WHERE s.slot = {slot}
    AND s.address IS NOT NULL
    AND (s.address, s.family_id) >= (wanted.address, %(low)s::uuid)
    AND (s.address, s.family_id) < (wanted.address, %(high)s::uuid)
  ORDER BY s.address DESC, s.family_id DESC
  LIMIT %(a_leg)s
) AS found
