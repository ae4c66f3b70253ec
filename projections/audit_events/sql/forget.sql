-- Forgets the addresses of events about a subject, and of its acts on others, whose personal data was deleted, in both
-- slots.
-- Parameter: subject text. To be sent after the slots are locked, in the transaction that deletes.
UPDATE audit_events AS a
SET address = NULL
WHERE (a.subject = %(subject)s OR (a.actor = 'subject:' || %(subject)s AND a.actor IS DISTINCT FROM 'subject:' || a.subject))
  AND a.address IS NOT NULL
  AND NOT EXISTS (SELECT FROM personal_data AS p WHERE p.stream_id = a.stream_id AND p.version = a.version)
