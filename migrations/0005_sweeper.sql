-- What the sweeper walks along, and the one row that says how far it is.

-- The walk goes over living families alone, those that end first at its beginning. Neither column changes with a
-- rotation, so that its updates stay HOT.
DROP INDEX active_tokens_by_absolute_deadline;
CREATE INDEX active_tokens_by_absolute_deadline ON active_tokens (absolute_expires_at, family_id) WHERE status = 'active';

CREATE TABLE sweeper_run (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  leader text,
  started_at timestamptz,
  finished_at timestamptz,
  deadline timestamptz,
  family_id uuid,
  walked bigint NOT NULL DEFAULT 0,
  ended bigint NOT NULL DEFAULT 0,
  tidied bigint NOT NULL DEFAULT 0,
  failed bigint NOT NULL DEFAULT 0,
  CONSTRAINT finished_after_it_started CHECK (finished_at IS NULL OR started_at IS NOT NULL)
);

COMMENT ON TABLE sweeper_run IS 'The last walk over living families, or the one that is under way.';
COMMENT ON COLUMN sweeper_run.leader IS 'Host and process.';
COMMENT ON COLUMN sweeper_run.finished_at IS 'Null while it is under way; whoever leads next goes on with it.';
COMMENT ON COLUMN sweeper_run.deadline IS 'With family_id: the last family that was looked at.';
COMMENT ON COLUMN sweeper_run.failed IS 'Families that could not be decided; the log says why.';

INSERT INTO sweeper_run DEFAULT VALUES;

GRANT SELECT, UPDATE ON sweeper_run TO token_ledger_service;
GRANT SELECT ON sweeper_run TO token_ledger_reader;
