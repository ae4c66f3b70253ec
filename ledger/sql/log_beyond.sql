-- Whether the log or its tiles hold more than the state of the sealer says.
-- No parameters. One row: the first leaf index that is too much, null where none is.
SELECT least(
  (SELECT min(l.leaf_index)::numeric FROM log AS l WHERE l.leaf_index >= s.next_index),
  (
    SELECT min(t.tile_index::numeric * 256 ^ (t.level + 1)::numeric)
    FROM tiles AS t
    WHERE (t.tile_index + 1)::numeric * 256 ^ (t.level + 1)::numeric > s.next_index
  )
)
FROM log_state AS s
