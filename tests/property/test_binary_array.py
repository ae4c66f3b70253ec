"""Arrays of the hot path arrive in PostgreSQL as the values that went in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger import binary_array

Connection = psycopg.Connection[Any]

COLUMNS: list[tuple[str, Callable[[Any], object], st.SearchStrategy[Any]]] = [
    ("uuid", binary_array.uuids, st.uuids()),
    ("text", binary_array.texts, st.text(st.characters(codec="utf-8", exclude_characters="\0"))),
    ("bytea", binary_array.byte_strings, st.binary()),
    ("smallint", binary_array.smallints, st.integers(-(2**15), 2**15 - 1)),
    ("integer", binary_array.integers, st.integers(-(2**31), 2**31 - 1)),
    ("bigint", binary_array.bigints, st.integers(-(2**63), 2**63 - 1)),
    ("boolean", binary_array.booleans, st.booleans()),
    (
        "timestamptz",
        binary_array.timestamps,
        st.datetimes(min_value=datetime(1900, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - the strategy adds the zone
    ),
]


@pytest.fixture(scope="module")
def connection(server_url: str) -> Iterator[Connection]:
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        yield connection


@pytest.mark.parametrize(("name", "column", "values"), COLUMNS, ids=[one[0] for one in COLUMNS])
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_an_array_arrives_as_it_was_sent(
    connection: Connection,
    name: str,
    column: Callable[[Any], object],
    values: st.SearchStrategy[Any],
    data: st.DataObject,
) -> None:
    sent = data.draw(st.lists(st.none() | values, max_size=6))
    row = connection.execute(
        f"SELECT %b::{name}[], pg_typeof(%b)::text".encode(), (column(sent), column(sent))
    ).fetchone()
    assert row is not None
    assert row[0] == sent
    assert row[1] == {"timestamptz": "timestamp with time zone"}.get(name, name) + "[]"
