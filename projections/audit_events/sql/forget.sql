-- Forgets the addresses of events about a subject whose personal data was deleted, in both slots.
-- Parameter: subject text. To be sent after the slots are locked, in the transaction that deletes.
UPDATE audit_events AS a
SET address = NULL
WHERE a.subject = %(subject)s
  AND a.address IS NOT NULL
  AND NOT EXISTS (SELECT FROM personal_data AS p WHERE p.stream_id = a.stream_id AND p.version = a.version)
