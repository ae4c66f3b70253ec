-- Notes that a reader has an event of a minute.
-- Parameters: reader text, minute timestamptz.
-- One row: there is none yet of this minute or a later one, so that this transaction has to append it; no row: there
-- is. Waits for another transaction that is about to append it.
INSERT INTO audit_readers (reader, minute)
VALUES (%(reader)s, %(minute)s)
ON CONFLICT (reader) DO UPDATE
SET minute = excluded.minute
WHERE audit_readers.minute < excluded.minute
RETURNING minute
