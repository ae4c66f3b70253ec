-- Roles, the events of every token family, the personal data beside them, and the view of active tokens.

DO $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'token_ledger_service') THEN
    CREATE ROLE token_ledger_service NOLOGIN;
  END IF;
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'token_ledger_reader') THEN
    CREATE ROLE token_ledger_reader NOLOGIN;
  END IF;
EXCEPTION
  WHEN duplicate_object OR unique_violation THEN NULL; -- another database of the cluster made them meanwhile
END
$$;

DO $$
BEGIN
  -- Always: from PostgreSQL 16 on who makes a role is its member, but may not SET ROLE to it.
  EXECUTE format('GRANT token_ledger_service, token_ledger_reader TO %I', current_user);
EXCEPTION
  WHEN insufficient_privilege THEN
    RAISE EXCEPTION 'the roles token_ledger_service and token_ledger_reader of this cluster were made by another owner'
      USING HINT = format('as that owner or a superuser: GRANT token_ledger_service, token_ledger_reader TO %I WITH ADMIN OPTION', current_user);
END
$$;

DO $$
BEGIN
  EXECUTE format('GRANT USAGE ON SCHEMA %I TO token_ledger_service, token_ledger_reader', current_schema());
END
$$;

-- ---------------------------------------------------------------------------------------------- events

CREATE SEQUENCE event_position AS bigint CACHE 1;

CREATE TABLE events (
  stream_id uuid NOT NULL,
  version integer NOT NULL CHECK (version > 0),
  position bigint NOT NULL DEFAULT nextval('event_position'),
  xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
  recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  type text NOT NULL,
  schema_version smallint NOT NULL CHECK (schema_version > 0),
  occurred_at timestamptz NOT NULL,
  actor text,
  client_id text,
  correlation_id uuid,
  causation text,
  payload text NOT NULL,
  personal_data bytea CHECK (octet_length(personal_data) = 32),
  previous bytea CHECK (octet_length(previous) = 32),
  leaf_hash bytea NOT NULL CHECK (octet_length(leaf_hash) = 32),
  CONSTRAINT one_event_a_version PRIMARY KEY (stream_id, version),
  CONSTRAINT chained_from_the_first CHECK ((version = 1) = (previous IS NULL))
) PARTITION BY RANGE (stream_id);

COMMENT ON TABLE events IS 'What happened; rows are only ever added. One partition a month of the stream''s UUIDv7.';
COMMENT ON COLUMN events.payload IS 'Canonical JSON, kept byte for byte: it is hashed.';
COMMENT ON COLUMN events.personal_data IS 'SHA-256(salt | data) of the row in personal_data; the row may have been erased.';
COMMENT ON COLUMN events.previous IS 'leaf_hash of the event before it in the stream.';
COMMENT ON COLUMN events.xid IS 'For the sealer alone.';

CREATE INDEX events_by_xid ON events (xid);
CREATE INDEX events_by_recorded_at ON events USING brin (recorded_at);

CREATE TABLE personal_data (
  stream_id uuid NOT NULL,
  version integer NOT NULL,
  salt bytea NOT NULL CHECK (octet_length(salt) = 32),
  data text NOT NULL,
  PRIMARY KEY (stream_id, version)
) PARTITION BY RANGE (stream_id);

COMMENT ON TABLE personal_data IS 'Address, user agent, label and claims of an event. Deleting a row erases them and leaves every hash valid.';

-- include: functions/refuse_change.sql
-- include: functions/create_month.sql
-- include: functions/create_months_ahead.sql

CREATE TRIGGER append_only
  BEFORE UPDATE OR DELETE ON events
  FOR EACH ROW EXECUTE FUNCTION refuse_change();
ALTER TABLE events ENABLE ALWAYS TRIGGER append_only;

CREATE TRIGGER no_truncate
  BEFORE TRUNCATE ON events
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE events ENABLE ALWAYS TRIGGER no_truncate;

CREATE TRIGGER erased_or_kept
  BEFORE UPDATE ON personal_data
  FOR EACH ROW EXECUTE FUNCTION refuse_change();
ALTER TABLE personal_data ENABLE ALWAYS TRIGGER erased_or_kept;

SELECT create_months_ahead();

-- ---------------------------------------------------------------------------------- subjects and clients

CREATE TABLE subjects (
  subject text PRIMARY KEY,
  status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'suspended')),
  not_before timestamptz
);

COMMENT ON TABLE subjects IS 'Subjects of whom more is known than their sessions: no row means active.';

CREATE TABLE clients (
  client_id text PRIMARY KEY,
  confidential boolean NOT NULL DEFAULT false,
  policy jsonb NOT NULL DEFAULT '{}',
  not_before timestamptz,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

COMMENT ON COLUMN clients.policy IS 'What the client has of its own; the deployment''s settings hold for the rest.';

INSERT INTO clients (client_id) VALUES ('web');

CREATE TABLE everyone (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  not_before timestamptz
);

INSERT INTO everyone DEFAULT VALUES;

CREATE TABLE used_assertions (
  issuer text NOT NULL,
  jwt_id text NOT NULL,
  expires_at timestamptz NOT NULL,
  CONSTRAINT accepted_once PRIMARY KEY (issuer, jwt_id)
);

CREATE INDEX used_assertions_by_expiry ON used_assertions (expires_at);

-- --------------------------------------------------------------------------------------- active tokens

CREATE TABLE active_tokens (
  family_id uuid PRIMARY KEY,
  version integer NOT NULL,
  head bytea NOT NULL,
  last_event_at timestamptz NOT NULL,
  status text NOT NULL CHECK (status IN ('active', 'revoked', 'expired')),
  subject text NOT NULL,
  client_id text NOT NULL,
  transport text NOT NULL,
  scope text[] NOT NULL,
  sender_key text,
  opened_at timestamptz NOT NULL,
  generation bigint NOT NULL,
  secret_hash bytea NOT NULL,
  last_used_at timestamptz NOT NULL,
  idle_expires_at timestamptz NOT NULL,
  absolute_expires_at timestamptz NOT NULL,
  ended_at timestamptz,
  ended_reason text,
  replay_reported boolean NOT NULL DEFAULT false,
  device_label text,
  claims jsonb,
  address text,
  user_agent text,
  windows bytea NOT NULL,
  bookkeeping jsonb NOT NULL,
  CONSTRAINT ended_for_a_reason CHECK ((status = 'active') = (ended_at IS NULL) AND (status = 'active') = (ended_reason IS NULL))
) WITH (fillfactor = 75);

COMMENT ON TABLE active_tokens IS 'One row a token family: the fold of its events, and the bookkeeping that no event rebuilds.';
COMMENT ON COLUMN active_tokens.windows IS 'Replaced tokens that may still be presented: hashes and nonces, no secret. Bookkeeping too.';

-- No index on anything that a rotation changes: its updates stay HOT.
CREATE INDEX active_tokens_by_subject ON active_tokens (subject, family_id);
CREATE INDEX active_tokens_by_absolute_deadline ON active_tokens (absolute_expires_at) WHERE status = 'active';

-- ------------------------------------------------------------------------------------------ privileges

GRANT SELECT ON schema_migrations TO token_ledger_service;
GRANT SELECT, INSERT ON events TO token_ledger_service;
GRANT USAGE ON SEQUENCE event_position TO token_ledger_service;
GRANT SELECT, INSERT, DELETE ON personal_data TO token_ledger_service;
GRANT SELECT, INSERT, UPDATE, DELETE ON active_tokens TO token_ledger_service;
GRANT SELECT, INSERT, UPDATE ON subjects, clients, everyone TO token_ledger_service;
GRANT SELECT, INSERT, DELETE ON used_assertions TO token_ledger_service;
GRANT EXECUTE ON FUNCTION create_months_ahead(integer) TO token_ledger_service;

GRANT SELECT ON events, personal_data, subjects, everyone TO token_ledger_reader;
GRANT SELECT (client_id, confidential, policy, not_before, created_at) ON clients TO token_ledger_reader;
GRANT SELECT (
  family_id, version, head, last_event_at, status, subject, client_id, transport, scope, opened_at, generation,
  last_used_at, idle_expires_at, absolute_expires_at, ended_at, ended_reason, device_label, claims, address,
  user_agent
) ON active_tokens TO token_ledger_reader;
