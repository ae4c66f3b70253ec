-- "Do it all in SQL": the same rotation as one function, with what a rotation stores here: the event in its
-- family's hash chain, the personal data beside it, the row of the view. It signs no access token and checks no
-- secret, so the line that it draws is a generous one.
DROP SCHEMA IF EXISTS bench CASCADE;
CREATE SCHEMA bench;

CREATE TABLE bench.events (
  position bigint GENERATED ALWAYS AS IDENTITY,
  stream_id uuid NOT NULL,
  version integer NOT NULL,
  type text NOT NULL,
  recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  payload text NOT NULL,
  personal_data bytea NOT NULL,
  previous bytea,
  leaf_hash bytea NOT NULL,
  PRIMARY KEY (stream_id, version)
);

CREATE INDEX ON bench.events (position);

CREATE TABLE bench.personal_data (
  stream_id uuid NOT NULL,
  version integer NOT NULL,
  salt bytea NOT NULL,
  data text NOT NULL,
  PRIMARY KEY (stream_id, version)
);

CREATE TABLE bench.active (
  family_id uuid PRIMARY KEY,
  subject text NOT NULL,
  status text NOT NULL DEFAULT 'active',
  version integer NOT NULL DEFAULT 0,
  generation bigint NOT NULL DEFAULT 0,
  head bytea NOT NULL DEFAULT sha256(''),
  nonce bytea NOT NULL DEFAULT uuid_send(gen_random_uuid()),
  last_used_at timestamptz NOT NULL DEFAULT now(),
  idle_expires_at timestamptz NOT NULL DEFAULT now() + interval '7 days',
  absolute_expires_at timestamptz NOT NULL DEFAULT now() + interval '30 days',
  bookkeeping bytea NOT NULL DEFAULT '\x'
) WITH (fillfactor = 75);

CREATE FUNCTION bench.family(number integer) RETURNS uuid
LANGUAGE sql IMMUTABLE
RETURN ('00000000-0000-7000-8000-' || lpad(to_hex(number), 12, '0'))::uuid;

INSERT INTO bench.active (family_id, subject)
SELECT bench.family(number), 'user' || number
FROM generate_series(1, 10000) AS number;

CREATE FUNCTION bench.rotate(id uuid) RETURNS bytea
LANGUAGE plpgsql
AS $$
DECLARE
  family bench.active;
  at timestamptz := clock_timestamp();
  new_nonce bytea := uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid());
  salt bytea := uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid());
  data text := '{"address":"127.0.0.1","user_agent":"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"}';
  payload text;
  personal bytea;
  leaf bytea;
BEGIN
  SELECT * INTO family FROM bench.active WHERE family_id = id FOR UPDATE;
  IF NOT FOUND OR family.status <> 'active' OR at >= least(family.idle_expires_at, family.absolute_expires_at) THEN
    RETURN NULL;
  END IF;
  payload := format(
    '{"generation":%s,"grace_ends_at":"%s","idle_expires_at":"%s","secret_hash":"%s"}',
    family.generation + 1, at + interval '10 seconds', at + interval '7 days', encode(sha256(new_nonce), 'hex')
  );
  personal := sha256(salt || convert_to(data, 'UTF8'));
  leaf := sha256(family.head || personal || convert_to(payload, 'UTF8'));
  INSERT INTO bench.events (stream_id, version, type, payload, personal_data, previous, leaf_hash)
  VALUES (id, family.version + 1, 'TokenRotated', payload, personal, family.head, leaf);
  INSERT INTO bench.personal_data (stream_id, version, salt, data)
  VALUES (id, family.version + 1, salt, data);
  UPDATE bench.active
  SET
    version = family.version + 1,
    generation = family.generation + 1,
    head = leaf,
    nonce = new_nonce,
    last_used_at = at,
    idle_expires_at = at + interval '7 days',
    bookkeeping = substring(family.nonce || sha256(family.nonce) || timestamptz_send(at) || family.bookkeeping FOR 256)
  WHERE family_id = id;
  RETURN new_nonce;
END
$$;

VACUUM (ANALYZE) bench.active;
