-- Erasure of subjects, legal holds, and how what is to be erased is found.

ALTER TABLE subjects
  DROP CONSTRAINT subjects_status_check,
  ADD CONSTRAINT subjects_status_check CHECK (status IN ('active', 'suspended', 'erased')),
  ADD COLUMN legal_hold boolean NOT NULL DEFAULT false;

COMMENT ON COLUMN subjects.status IS 'Erased is for good.';
COMMENT ON COLUMN subjects.legal_hold IS 'Nothing of the subject is erased while it is set.';

-- Acts are few among events: each of these indexes leaves out what happens to sessions by themselves, so that
-- nothing is added to it by a refresh.
CREATE INDEX events_about_subject ON events ((payload::jsonb ->> 'subject'))
  WHERE type IN ('SubjectSuspended', 'SubjectReactivated', 'NotBeforeSet', 'LegalHoldSet', 'LegalHoldReleased');

CREATE INDEX events_of_bulk_revocation ON events (stream_id)
  WHERE type = 'BulkRevocationExecuted';

CREATE INDEX events_of_acting_subject ON events (actor)
  WHERE type NOT IN (
    'TokenIssued', 'TokenRotated', 'TokenReplayed', 'RefreshRefused', 'ReuseDetected', 'ReplayedAfterRevocation',
    'ForgeryDetected', 'TokenExpired', 'SessionRenamed'
  ) AND actor LIKE 'subject:%';
