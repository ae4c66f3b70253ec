-- The not-befores of clients and of everyone that were in force at a moment.
-- Parameters: time timestamptz (inclusive).
-- A row is a client, or everyone where client_id is null; no row: none was set.
SELECT payload::jsonb ->> 'client_id' AS client_id, max((payload::jsonb ->> 'time')::timestamptz) AS not_before
FROM events
WHERE type = 'NotBeforeSet'
  AND payload::jsonb ->> 'subject' IS NULL
  AND occurred_at <= %(time)s
GROUP BY 1
