-- Leaves of the log that follow one another.
-- Parameters: first and until bigint (exclusive).
-- A row is a leaf, in order; an index without a row is missing. The recording hash is null where there is none.
SELECT leaf_index, leaf_hash, CASE WHEN octet_length(recording_hash) = 32 THEN recording_hash END
FROM log
WHERE leaf_index >= %(first)s
  AND leaf_index < %(until)s
ORDER BY leaf_index
