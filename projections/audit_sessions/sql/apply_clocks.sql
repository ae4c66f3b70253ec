-- Keeps how far the times in the ids of the sessions that were opened in some leaves are from when they were opened.
-- Parameters: slot smallint; first (inclusive), until (exclusive) bigint.
UPDATE audit_session_clocks AS known
SET
  ahead = greatest(known.ahead, new.ahead),
  behind = greatest(known.behind, -new.least_ahead)
FROM (
  SELECT max(opened.ahead) AS ahead, min(opened.ahead) AS least_ahead
  FROM (
    SELECT
      timestamptz '1970-01-01Z'
        + ('x' || substr(replace(e.stream_id::text, '-', ''), 1, 12))::bit(48)::bigint * interval '1 ms'
        - e.occurred_at AS ahead
    FROM log AS l
    JOIN events AS e ON e.stream_id = l.stream_id AND e.version = l.version
    WHERE l.leaf_index >= %(first)s::bigint
      AND l.leaf_index < %(until)s::bigint
      AND e.type = 'TokenIssued'
  ) AS opened
) AS new
WHERE known.slot = %(slot)s::smallint
  AND (new.ahead > known.ahead OR -new.least_ahead > known.behind)
