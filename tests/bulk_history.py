"""A long sealed history with its projections, made by the database itself in seconds: for plans and times.

Its hashes are made up; what the queries of auditors look at is as it would be. Each thousand leaves are ten
sessions of a hundred events. One client, one actor and some types are rare; each session has an address.
"""

from __future__ import annotations

import psycopg

_STATEMENTS = (
    "SET synchronous_commit = off; SET max_parallel_workers_per_gather = 0; SET work_mem = '256MB'",
    """
    CREATE TEMP TABLE made AS
    SELECT
      *,
      (
        lpad(to_hex((extract(epoch FROM began) * 1000)::bigint + session * 1000), 12, '0')
        || '70008000' || lpad(to_hex(session), 12, '0')
      )::uuid AS stream_id,
      began + leaf_index * interval '10 ms' AS occurred_at,
      (session / 3)::text AS subject,
      CASE WHEN session % 1000 = 7 THEN 'rare' ELSE 'web' END AS client_id,
      concat_ws('.', 10, session / 65536, session / 256 % 256, session % 256) AS address,
      'label ' || session % 5000 AS label
    FROM (
      SELECT
        i AS leaf_index,
        date_trunc('month', now()) + interval '1 hour' AS began,
        i / 1000 * 10 + i % 10 AS session,
        (i % 1000 / 10 + 1)::integer AS version,
        CASE
          WHEN i % 1000 < 10 THEN 'TokenIssued'
          WHEN i % 2000 >= 1990 AND i % 3 = 0 THEN 'TokenRevoked'
          WHEN i % 2000 >= 1990 THEN 'TokenExpired'
          WHEN i % 997 = 0 THEN 'ReuseDetected'
          WHEN i % 101 = 0 THEN 'TokenReplayed'
          ELSE 'TokenRotated'
        END AS type
      FROM generate_series(0, {events}::bigint - 1) AS i
    ) AS numbered
    """,
    """
    INSERT INTO events (
      stream_id, version, type, schema_version, occurred_at, actor, client_id, payload, previous, leaf_hash
    )
    SELECT
      stream_id, version, type, 1, occurred_at,
      CASE
        WHEN type IN ('ReuseDetected', 'TokenExpired') THEN 'system'
        WHEN leaf_index % 5021 = 7 THEN 'operator'
        ELSE 'subject:' || subject
      END,
      client_id,
      CASE type
        WHEN 'TokenIssued' THEN json_build_object('subject', subject, 'client_id', client_id)
        WHEN 'TokenExpired' THEN json_build_object('deadline', occurred_at)
        ELSE '{}'
      END::text,
      CASE WHEN version > 1 THEN decode(repeat('00', 32), 'hex') END,
      decode(repeat('00', 32), 'hex')
    FROM made
    """,
    """
    INSERT INTO personal_data (stream_id, version, salt, data)
    SELECT
      stream_id, version, decode(repeat('00', 32), 'hex'),
      json_build_object('address', address, 'device_label', label)::text
    FROM made
    """,
    "INSERT INTO log SELECT leaf_index, stream_id, version, decode(repeat('00', 32), 'hex') FROM made",
    """
    INSERT INTO log_times
    SELECT leaf_index, occurred_at - interval '10 ms'
    FROM made
    WHERE leaf_index % 256 = 0 AND leaf_index > 0
    """,
    """
    INSERT INTO active_tokens (
      family_id, version, head, last_event_at, status, subject, client_id, transport, scope, opened_at,
      generation, secret_hash, last_used_at, idle_expires_at, absolute_expires_at, ended_at, ended_reason,
      device_label, address, windows, bookkeeping
    )
    SELECT
      stream_id, 100, '', max(occurred_at),
      CASE max(type) FILTER (WHERE version = 100)
        WHEN 'TokenRevoked' THEN 'revoked' WHEN 'TokenExpired' THEN 'expired' ELSE 'active'
      END,
      subject, client_id, 'body', '{}', min(occurred_at), 99, '', max(occurred_at),
      max(occurred_at) + interval '7 days', max(occurred_at) + interval '30 days',
      max(occurred_at) FILTER (WHERE type IN ('TokenRevoked', 'TokenExpired')),
      CASE max(type) FILTER (WHERE version = 100)
        WHEN 'TokenRevoked' THEN 'admin' WHEN 'TokenExpired' THEN 'idle'
      END,
      label, address, '', '{}'
    FROM made
    GROUP BY stream_id, subject, client_id, label, address
    """,
    """
    UPDATE log_state
    SET
      next_index = {events},
      latest = (SELECT max(occurred_at) FROM made),
      lateness = interval '1 s',
      origin = 'made.example',
      note = 'made'
    """,
)


def make(database_url: str, events: int) -> None:
    """So many events, a multiple of 2,000, and analysed tables; the projections are yet to catch up."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        for statement in _STATEMENTS:
            connection.execute(statement.replace("{events}", str(events)).encode())
        connection.execute("ANALYZE")
