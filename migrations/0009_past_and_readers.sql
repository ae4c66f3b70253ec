-- What states of the past are read by, and who has read what is not their own.

-- Neither is changed by a rotation: rows of other types are in no index of these.
CREATE INDEX events_renaming ON events (stream_id, version) WHERE type = 'SessionRenamed';
CREATE INDEX events_controlling ON events ((payload::jsonb ->> 'subject'))
  WHERE type IN ('SubjectSuspended', 'SubjectReactivated', 'NotBeforeSet');

CREATE TABLE audit_readers (
  reader text PRIMARY KEY,
  minute timestamptz NOT NULL
);

COMMENT ON TABLE audit_readers IS 'Readers of what needs audit:read. A read in a later minute is an event, those after it in the same minute are not.';
COMMENT ON COLUMN audit_readers.reader IS 'As the actor of events: subject:<id> or client:<id>.';

GRANT SELECT, INSERT, UPDATE ON audit_readers TO token_ledger_service;
GRANT SELECT ON audit_readers TO token_ledger_reader;
