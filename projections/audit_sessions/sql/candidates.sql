-- Sessions that a filter may mean, newest first. `reading.py` puts in where they come from, and the slot, as `page` of
-- the events says.
-- Parameters: those of the candidates; low (inclusive), high (exclusive) uuid: between which they are; a_leg int:
-- candidates of each leg.
-- One row: the slot that is live now; down to which session every leg was looked at, null: all were; and the sessions
-- from there on.
WITH candidates AS MATERIALIZED (
{candidates}
), horizon AS (
  SELECT max(cut_off.family_id COLLATE "C")::uuid AS family_id
  FROM (
    SELECT min(family_id::text COLLATE "C") AS family_id
    FROM candidates
    GROUP BY leg
    HAVING count(*) >= %(a_leg)s
  ) AS cut_off
)
SELECT
  (SELECT slot FROM projection_slots WHERE projection = 'audit_sessions' AND live),
  h.family_id,
  ARRAY(SELECT c.family_id FROM candidates AS c WHERE c.family_id = greatest(c.family_id, h.family_id))
FROM horizon AS h
