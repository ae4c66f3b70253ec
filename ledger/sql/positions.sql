-- Where the sequence of positions is, and the highest one that was given. Reads the whole table.
-- No parameters. One row; the second is null where there are no events.
SELECT (SELECT last_value FROM event_position), (SELECT max(position) FROM events)
