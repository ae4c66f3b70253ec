-- Forgets the addresses and labels of a subject's sessions, in both slots.
-- Parameter: subject text. To be sent after the slots are locked, in the transaction that deletes the personal data.
UPDATE audit_sessions
SET address = NULL, device_label = NULL
WHERE subject = %(subject)s
  AND (address IS NOT NULL OR device_label IS NOT NULL)
