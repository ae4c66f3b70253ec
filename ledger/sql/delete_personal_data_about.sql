-- Deletes what lies beside administrative acts about a subject: reasons, and from where they were done. Beside its
-- erasure it stays: that says who erased it, and why.
-- Parameters: subject text.
DELETE FROM personal_data AS p
USING events AS e
WHERE e.type IN ('SubjectSuspended', 'SubjectReactivated', 'NotBeforeSet', 'LegalHoldSet', 'LegalHoldReleased')
  AND e.payload::jsonb ->> 'subject' = %(subject)s::text
  AND p.stream_id = e.stream_id
  AND p.version = e.version
