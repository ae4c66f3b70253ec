"""What an erasure deletes is found by indexes, whatever the number of events."""

from __future__ import annotations

import psycopg
import pytest

from ledger.answers import Granted
from ledger.sql_files import sql
from tests.ledger_harness import harness

VIEW = "projections.active_tokens"


@pytest.mark.parametrize(
    ("package", "name", "found_by"),
    [
        ("ledger", "delete_personal_data", "Index Cond: (stream_id = "),
        ("ledger", "delete_personal_data_about", "Index Cond: (((payload)::jsonb ->> 'subject'::text) = "),
        ("ledger", "delete_personal_data_of_bulk", "Filter: (type = 'BulkRevocationExecuted'::text)"),
        (VIEW, "delete_personal_data_by", "Index Cond: (actor = "),
        (VIEW, "families_of", "Index Cond: ((subject = "),
        (VIEW, "erase", "Index Cond: (family_id = "),
    ],
)
async def test_no_statement_of_an_erasure_reads_a_whole_table(
    database_url: str, package: str, name: str, found_by: str
) -> None:
    async with harness(database_url) as ledger:
        issued = (await ledger.issue()).answer
    assert isinstance(issued, Granted)
    family_id = issued.token.family_id
    parameters = {
        "subject": "ada",
        "actor": "subject:ada",
        "stream_ids": [family_id],
        "family_ids": [family_id],
        "after": family_id,
        "families": 10,
        "events": 10,
        "maximum": 10,
    }
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("SET enable_seqscan = off")
        rows = connection.execute(b"EXPLAIN " + sql(package, name).encode(), parameters)
        plan = [row[0] for row in rows]
    assert [line for line in plan if line.strip().startswith(found_by)], plan
    assert [line for line in plan if "Seq Scan" in line] == [], plan
