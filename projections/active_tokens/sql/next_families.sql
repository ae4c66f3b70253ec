-- Up to where the next step goes: over so many events or rows of the view, whichever is reached first.
-- Parameters: after uuid (exclusive), families int, events int.
-- One row: an id, the highest of all when less is left.
SELECT coalesce(
  least(
    (
      SELECT stream_id
      FROM events
      WHERE stream_id > %(after)s
      ORDER BY stream_id, version
      OFFSET %(events)s
      LIMIT 1
    ),
    (
      SELECT family_id
      FROM active_tokens
      WHERE family_id > %(after)s
      ORDER BY family_id
      OFFSET %(families)s
      LIMIT 1
    )
  ),
  'ffffffff-ffff-ffff-ffff-ffffffffffff'
)
