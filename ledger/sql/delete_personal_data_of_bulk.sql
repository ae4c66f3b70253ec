-- Deletes what lies beside bulk revocations that speak of a subject: those whose filter names it, one of its sessions,
-- or a label or the address of one, and those that ended one of them (in one request with it).
-- Parameters: subject text; stream_ids uuid[] of its families, whose own personal data is still there.
WITH own AS MATERIALIZED (
  SELECT e.correlation_id, p.data::jsonb ->> 'device_label' AS device_label, p.data::jsonb ->> 'address' AS address
  FROM events AS e
  LEFT JOIN personal_data AS p ON p.stream_id = e.stream_id AND p.version = e.version
  WHERE e.stream_id = ANY(%(stream_ids)s::uuid[])
)
DELETE FROM personal_data AS p
USING events AS e
WHERE e.type = 'BulkRevocationExecuted'
  AND p.stream_id = e.stream_id
  AND p.version = e.version
  AND (
    e.payload::jsonb #>> '{filter,subject}' = %(subject)s::text
    OR e.payload::jsonb #> '{filter,ids}' ?| %(stream_ids)s::uuid[]::text[]
    OR e.correlation_id IN (SELECT correlation_id FROM own)
    OR p.data::jsonb #>> '{filter,device_label}' IN (SELECT device_label FROM own)
    OR p.data::jsonb #>> '{filter,ip_address}' IN (
      SELECT address || CASE WHEN address LIKE '%%:%%' THEN '/128' ELSE '/32' END FROM own
    )
  )
