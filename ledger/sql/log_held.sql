-- What the log says of itself, and how much of it there is.
-- No parameters. One row; all but the last are null where the state of the sealer is gone.
SELECT s.next_index, s.root_hash, s.origin, s.note, l.leaves
FROM (SELECT coalesce(max(leaf_index) + 1, 0) AS leaves FROM log) AS l
LEFT JOIN log_state AS s ON true
