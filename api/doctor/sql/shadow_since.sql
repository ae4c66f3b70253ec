-- Since when clients have been in shadow mode, as the events say.
-- Parameter: client_ids text[]. A row is a client and the event that switched it on; no row: no event did.
-- Looks through all events.
WITH changes AS MATERIALIZED (
  SELECT
    payload::jsonb ->> 'client_id' AS client_id,
    coalesce((payload::jsonb #>> '{policy,shadow}')::boolean, false) AS shadow,
    occurred_at,
    position
  FROM events
  WHERE type IN ('ClientRegistered', 'ClientChanged')
    AND payload::jsonb ->> 'client_id' = ANY(%(client_ids)s)
)
SELECT later.client_id, min(later.occurred_at)
FROM changes AS later
WHERE later.position > coalesce(
  (SELECT max(position) FROM changes AS earlier WHERE earlier.client_id = later.client_id AND NOT earlier.shadow),
  0
)
GROUP BY later.client_id
