"""The committed schema is the one that runs."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

from graphql import build_schema, validate_schema

from api.graphql.schema import executable, make_schema
from ledger.events import AdministrativeEvent, FamilyEvent

SDL = Path(__file__).parents[2] / "api" / "schema.graphql"


def test_the_committed_schema_is_the_one_that_runs() -> None:
    assert SDL.read_text("utf-8") == make_schema().as_str() + "\n", (
        "write api/schema.graphql anew: python -c 'from api.graphql.schema import make_schema; "
        "print(make_schema().as_str())' > api/schema.graphql"
    )


def test_the_schema_is_valid_and_every_operation_is_described() -> None:
    schema = build_schema(SDL.read_text("utf-8"))
    assert validate_schema(schema) == []
    assert schema.query_type is not None
    assert schema.mutation_type is not None
    for field in (*schema.query_type.fields.values(), *schema.mutation_type.fields.values()):
        assert field.description


def test_every_event_has_a_type_in_the_schema() -> None:
    names = executable(make_schema()).type_map["EventType"].to_kwargs()["values"]
    told = {name.replace("_", "").lower() for name in names}
    assert told == {one.__name__.lower() for one in (*get_args(FamilyEvent), *get_args(AdministrativeEvent))}
