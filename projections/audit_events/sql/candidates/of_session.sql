-- Events of a session, by its versions in the log: which of them are between the leaves is found by halving, as a
-- session's leaves ascend with its versions.
-- Parameters: family_id uuid; the others as of `page`.
WITH RECURSIVE halving (bound, below, maximum) AS (
  SELECT
    bounds.bound,
    0,
    coalesce(
      (SELECT l.version FROM log AS l WHERE l.stream_id = %(family_id)s::uuid ORDER BY l.version DESC LIMIT 1),
      0
    )
  FROM unnest(ARRAY[%(low)s::bigint, %(high)s::bigint]) AS bounds (bound)
  UNION ALL
  SELECT
    h.bound,
    CASE WHEN middle.leaf_index < h.bound THEN middle.version ELSE h.below END,
    CASE WHEN middle.leaf_index < h.bound THEN h.maximum ELSE middle.version - 1 END
  FROM halving AS h
  CROSS JOIN LATERAL (
    SELECT l.leaf_index, l.version
    FROM log AS l
    WHERE l.stream_id = %(family_id)s::uuid AND l.version = (h.below + h.maximum + 1) / 2
    OFFSET 0
  ) AS middle
  WHERE h.below < h.maximum
)
SELECT
  1 AS leg, l.leaf_index, a.stream_id, a.version, a.of_session, a.type, a.occurred_at, a.actor, a.client_id, a.subject, a.address
FROM (
  SELECT leaf_index
  FROM log
  WHERE stream_id = %(family_id)s::uuid
    AND version > (SELECT below FROM halving WHERE bound = %(low)s::bigint AND below = maximum)
    AND version <= (SELECT below FROM halving WHERE bound = %(high)s::bigint AND below = maximum)
  ORDER BY version {direction}
  LIMIT %(a_leg)s
) AS l
LEFT JOIN LATERAL (
  SELECT *
  FROM audit_events AS a
  WHERE a.slot = {slot}
    AND a.leaf_index = l.leaf_index
  OFFSET 0
) AS a ON true
