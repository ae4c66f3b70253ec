-- The sealed log: the global order of all events, the tree over them, and the checkpoint that was signed last.

CREATE TABLE log (
  leaf_index bigint PRIMARY KEY CHECK (leaf_index >= 0),
  stream_id uuid NOT NULL,
  version integer NOT NULL,
  leaf_hash bytea NOT NULL CHECK (octet_length(leaf_hash) = 32),
  CONSTRAINT sealed_once UNIQUE (stream_id, version)
);

COMMENT ON TABLE log IS 'One row an event, dense from 0. Stays when the event itself is removed by retention.';

CREATE TABLE tiles (
  level smallint NOT NULL CHECK (level BETWEEN 0 AND 7),
  tile_index bigint NOT NULL CHECK (tile_index >= 0),
  hashes bytea NOT NULL CHECK (octet_length(hashes) = 8192),
  root bytea NOT NULL CHECK (octet_length(root) = 32),
  PRIMARY KEY (level, tile_index)
);

COMMENT ON TABLE tiles IS 'Full tiles (C2SP tlog-tiles). A partial one is read from the log, or from the roots one level below.';
COMMENT ON COLUMN tiles.root IS 'What the tile is one level above.';

ALTER TABLE tiles ALTER COLUMN hashes SET STORAGE EXTERNAL; -- hashes cannot be compressed

CREATE TABLE log_times (
  leaf_index bigint PRIMARY KEY,
  latest timestamptz NOT NULL
);

COMMENT ON TABLE log_times IS 'The latest occurred_at among all leaves below leaf_index: where in the log a time is. About one row a tile.';

CREATE INDEX log_times_by_time ON log_times (latest);

CREATE TABLE log_state (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  next_index bigint NOT NULL DEFAULT 0,
  snapshot pg_snapshot NOT NULL DEFAULT '1:1:',
  pending pg_snapshot,
  pending_position bigint CHECK ((pending IS NULL) = (pending_position IS NULL)),
  cluster text,
  anchor_position bigint NOT NULL DEFAULT 0,
  anchored boolean NOT NULL DEFAULT true,
  latest timestamptz,
  lateness interval NOT NULL DEFAULT '0',
  origin text,
  root_hash bytea CHECK (octet_length(root_hash) = 32),
  signed_at timestamptz,
  note text
);

COMMENT ON TABLE log_state IS 'How far the sealer is; changed in the transaction that appends to the log.';
COMMENT ON COLUMN log_state.snapshot IS 'All that it shows is sealed.';
COMMENT ON COLUMN log_state.pending IS 'What it shows is being sealed, in several steps, and is sealed up to pending_position.';
COMMENT ON COLUMN log_state.cluster IS 'The cluster whose transaction ids the snapshots speak of.';
COMMENT ON COLUMN log_state.anchor_position IS 'Events up to here were written in another cluster, or before a restore; they are told by what the log lacks.';
COMMENT ON COLUMN log_state.anchored IS 'Whether nothing up to anchor_position is left to seal.';
COMMENT ON COLUMN log_state.lateness IS 'How much earlier than one sealed before it an event can have occurred.';
COMMENT ON COLUMN log_state.note IS 'The latest checkpoint, signed (C2SP tlog-checkpoint).';

INSERT INTO log_state DEFAULT VALUES;

CREATE TRIGGER append_only
  BEFORE UPDATE OR DELETE ON log
  FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER no_truncate
  BEFORE TRUNCATE ON log
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE log ENABLE ALWAYS TRIGGER append_only, ENABLE ALWAYS TRIGGER no_truncate;

CREATE TRIGGER append_only
  BEFORE UPDATE OR DELETE ON tiles
  FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER no_truncate
  BEFORE TRUNCATE ON tiles
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE tiles ENABLE ALWAYS TRIGGER append_only, ENABLE ALWAYS TRIGGER no_truncate;

GRANT SELECT, INSERT ON log, tiles, log_times TO token_ledger_service;
GRANT SELECT, UPDATE ON log_state TO token_ledger_service;
GRANT SELECT ON SEQUENCE event_position TO token_ledger_service;
GRANT SELECT ON log, tiles, log_times, log_state TO token_ledger_reader;
