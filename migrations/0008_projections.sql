-- Projections that catch up with the sealed log: what audit queries are answered from.
--
-- Each has two slots, partitions of its tables. One is live; the other is filled by a rebuild and becomes the live
-- one in a single transaction. A statement that reads them locks its tables before it takes its snapshot: a slot that
-- is live in that cannot have been emptied.

CREATE TABLE projection_slots (
  projection text NOT NULL,
  slot smallint NOT NULL CHECK (slot IN (0, 1)),
  live boolean NOT NULL,
  version integer NOT NULL CHECK (version >= 0),
  next_index bigint NOT NULL DEFAULT 0 CHECK (next_index >= 0),
  PRIMARY KEY (projection, slot)
);

COMMENT ON TABLE projection_slots IS 'How far each projection is; changed in the transaction that changes its rows.';
COMMENT ON COLUMN projection_slots.version IS 'Counts rebuilds; of the spare slot: what it becomes when it is live.';
COMMENT ON COLUMN projection_slots.next_index IS 'The slot holds what the leaves below it say, and nothing else.';

CREATE UNIQUE INDEX one_live_slot_a_projection ON projection_slots (projection) WHERE live;

INSERT INTO projection_slots (projection, slot, live, version)
SELECT projection, slot, slot = 1, slot
FROM unnest(ARRAY['audit_events', 'audit_sessions', 'security_hours']) AS projection
CROSS JOIN unnest(ARRAY[0, 1]) AS slot;

-- ------------------------------------------------------------------------------------------------ events

CREATE TABLE audit_events (
  leaf_index bigint NOT NULL,
  stream_id uuid NOT NULL,
  occurred_at timestamptz NOT NULL,
  version integer NOT NULL,
  slot smallint NOT NULL,
  of_session boolean NOT NULL,
  type text COLLATE "C" NOT NULL,
  actor text COLLATE "C",
  client_id text COLLATE "C",
  subject text COLLATE "C",
  address inet,
  PRIMARY KEY (slot, leaf_index)
) PARTITION BY LIST (slot);

COMMENT ON TABLE audit_events IS 'One row a sealed event: by what it is found.';
COMMENT ON COLUMN audit_events.subject IS 'Of the session, or the one that an administrative act is about.';
COMMENT ON COLUMN audit_events.address IS 'Personal: null once it is erased.';

CREATE TABLE audit_events_0 PARTITION OF audit_events FOR VALUES IN (0);
CREATE TABLE audit_events_1 PARTITION OF audit_events FOR VALUES IN (1);

-- A session's events are found by sealed_once of the log, and rotations along the log itself: they are most of it.
CREATE INDEX audit_events_by_subject ON audit_events (subject, leaf_index) WHERE subject IS NOT NULL;
CREATE INDEX audit_events_by_client ON audit_events (client_id, leaf_index) WHERE client_id IS NOT NULL;
CREATE INDEX audit_events_by_address ON audit_events (address, leaf_index) WHERE address IS NOT NULL;
CREATE INDEX audit_events_by_type ON audit_events (type, leaf_index) WHERE type <> 'TokenRotated';
CREATE INDEX audit_events_by_actor ON audit_events (actor, leaf_index) WHERE actor IS DISTINCT FROM 'subject:' || subject;

-- ---------------------------------------------------------------------------------------------- sessions

CREATE TABLE audit_sessions (
  family_id uuid NOT NULL,
  ended_at timestamptz,
  slot smallint NOT NULL,
  status text NOT NULL CHECK (status IN ('active', 'revoked', 'expired')),
  subject text COLLATE "C" NOT NULL,
  client_id text COLLATE "C" NOT NULL,
  device_label text COLLATE "C",
  address inet,
  PRIMARY KEY (slot, family_id)
) PARTITION BY LIST (slot);

COMMENT ON TABLE audit_sessions IS 'One row a session: by what it is found. What it is now stands in active_tokens.';
COMMENT ON COLUMN audit_sessions.address IS 'Of the last use. Personal, as the label: null once it is erased.';

CREATE TABLE audit_sessions_0 PARTITION OF audit_sessions FOR VALUES IN (0);
CREATE TABLE audit_sessions_1 PARTITION OF audit_sessions FOR VALUES IN (1);

CREATE TABLE audit_session_clocks (
  slot smallint PRIMARY KEY,
  ahead interval NOT NULL DEFAULT '0',
  behind interval NOT NULL DEFAULT '0'
);

COMMENT ON TABLE audit_session_clocks IS 'How far, at most, the time in a session''s id is from the one it was opened at: two clocks say them.';

INSERT INTO audit_session_clocks (slot) VALUES (0), (1);

CREATE INDEX audit_sessions_by_client ON audit_sessions (client_id, family_id);
CREATE INDEX audit_sessions_by_subject ON audit_sessions (subject, family_id);
CREATE INDEX audit_sessions_by_label ON audit_sessions (device_label, family_id) WHERE device_label IS NOT NULL;
CREATE INDEX audit_sessions_by_address ON audit_sessions (address, family_id) WHERE address IS NOT NULL;
CREATE INDEX audit_sessions_unended ON audit_sessions (status, family_id) WHERE status = 'active';

-- ---------------------------------------------------------------------------------------------- counts

CREATE TABLE security_hours (
  start timestamptz NOT NULL,
  issued bigint NOT NULL,
  rotated bigint NOT NULL,
  replayed bigint NOT NULL,
  reuse_detected bigint NOT NULL,
  revoked bigint NOT NULL,
  expired bigint NOT NULL,
  slot smallint NOT NULL,
  PRIMARY KEY (slot, start)
) PARTITION BY LIST (slot);

CREATE TABLE security_minutes (LIKE security_hours, PRIMARY KEY (slot, start)) PARTITION BY LIST (slot);

COMMENT ON TABLE security_hours IS 'How many events of each kind occurred in an hour of UTC. No row: none.';
COMMENT ON TABLE security_minutes IS 'The same by minutes: for the hours of which only a part is asked for.';

CREATE TABLE security_hours_0 PARTITION OF security_hours FOR VALUES IN (0);
CREATE TABLE security_hours_1 PARTITION OF security_hours FOR VALUES IN (1);
CREATE TABLE security_minutes_0 PARTITION OF security_minutes FOR VALUES IN (0);
CREATE TABLE security_minutes_1 PARTITION OF security_minutes FOR VALUES IN (1);

-- --------------------------------------------------------------------------------- functions, privileges

-- include: functions/address_of.sql
-- include: functions/empty_spare_slot.sql

GRANT SELECT, UPDATE ON projection_slots, audit_session_clocks TO token_ledger_service;
GRANT SELECT, INSERT ON audit_events TO token_ledger_service;
GRANT UPDATE (address) ON audit_events TO token_ledger_service;
GRANT SELECT, INSERT, UPDATE ON audit_sessions, security_hours, security_minutes TO token_ledger_service;
GRANT EXECUTE ON FUNCTION empty_spare_slot(text) TO token_ledger_service;

GRANT SELECT ON projection_slots, audit_events, audit_sessions, audit_session_clocks, security_hours, security_minutes
  TO token_ledger_reader;
