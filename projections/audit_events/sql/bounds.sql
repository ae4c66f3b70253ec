-- Between which leaves everything is that occurred in some time.
-- Parameters, each or null: since (inclusive), until (exclusive) timestamptz; from_index, to_index bigint.
-- One row: the first leaf, the one after the last, and the slot that is live. All before a row of
-- log_times occurred up to its time; all from there on occurred at the most by `lateness` before it.
SELECT
  greatest(
    0,
    %(from_index)s::bigint,
    (
      SELECT t.leaf_index
      FROM log_times AS t
      WHERE t.latest < %(since)s::timestamptz
      ORDER BY t.latest DESC
      LIMIT 1
    )
  ),
  least(
    s.next_index,
    %(to_index)s::bigint,
    (
      SELECT t.leaf_index
      FROM log_times AS t
      WHERE t.latest >= %(until)s::timestamptz + (SELECT lateness FROM log_state)
      ORDER BY t.latest
      LIMIT 1
    )
  ),
  s.slot
FROM projection_slots AS s
WHERE s.projection = 'audit_events' AND s.live
