-- Says for good that a month was archived. Fails with archived_months_pkey where that was said before.
-- Parameters: month date; lower and upper uuid; stream_id uuid and leaf text, of the event that tells of it.
INSERT INTO archived_months (month, lower_bound, upper_bound, stream_id, leaf)
VALUES (%(month)s, %(lower)s, %(upper)s, %(stream_id)s, %(leaf)s)
