-- Months of events that were archived and removed. Their hashes stay in the log.

CREATE TABLE archived_months (
  month date PRIMARY KEY CHECK (month = date_trunc('month', month::timestamp)),
  lower_bound uuid NOT NULL,
  upper_bound uuid NOT NULL CHECK (upper_bound > lower_bound),
  stream_id uuid NOT NULL UNIQUE,
  leaf text NOT NULL,
  archived_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

COMMENT ON TABLE archived_months IS 'Months whose partitions were dropped; a missing event of any other month is a loss.';
COMMENT ON COLUMN archived_months.upper_bound IS 'Exclusive.';
COMMENT ON COLUMN archived_months.stream_id IS 'Of the event PartitionArchived. It is version 1 of it, in the log for ever.';
COMMENT ON COLUMN archived_months.leaf IS 'That event as it was hashed, as its own month is archived one day, too.';

CREATE TRIGGER append_only
  BEFORE UPDATE OR DELETE ON archived_months
  FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER no_truncate
  BEFORE TRUNCATE ON archived_months
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE archived_months ENABLE ALWAYS TRIGGER append_only, ENABLE ALWAYS TRIGGER no_truncate;

-- Read while nobody can append: so it must not depend on how many subjects there are.
CREATE INDEX subjects_held ON subjects (subject) WHERE legal_hold;

-- include: functions/create_month_not_archived.sql
-- include: functions/hold_month.sql
-- include: functions/drop_month.sql

GRANT SELECT ON archived_months TO token_ledger_service, token_ledger_reader;
