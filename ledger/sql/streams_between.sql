-- The streams in a range of ids that events, log, personal data or the view know of.
-- Parameters: after uuid (exclusive), until uuid (inclusive).
-- A row is a stream, in the order of ids.
SELECT stream_id FROM events WHERE stream_id > %(after)s AND stream_id <= %(until)s
UNION
SELECT stream_id FROM log WHERE stream_id > %(after)s AND stream_id <= %(until)s
UNION
SELECT stream_id FROM personal_data WHERE stream_id > %(after)s AND stream_id <= %(until)s
UNION
SELECT family_id FROM active_tokens WHERE family_id > %(after)s AND family_id <= %(until)s
ORDER BY 1
