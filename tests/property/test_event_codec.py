"""Laws of the event codec: what is written is read back the same, in one spelling that others agree with."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, get_args
from uuid import UUID

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from ledger.canonical import canonical_json, parse_timestamp, require_canonical, timestamp
from ledger.event_codec import (
    UnknownEventError,
    decode_payload,
    encode_payload,
    event_type,
    schema_version_of,
)
from ledger.events import Event, FamilyEvent, SigningKeyRotated, TokenRotated
from ledger.leaf import leaf_bytes, leaf_hash

text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"))
keys = st.text(st.characters(max_codepoint=126, min_codepoint=32))
integers = st.integers(-(2**53) + 1, 2**53 - 1)
values = st.recursive(
    st.none() | st.booleans() | integers | text,
    lambda inner: st.lists(inner) | st.dictionaries(keys, inner),
    max_leaves=20,
)
moments = st.datetimes(min_value=datetime(1970, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - the strategy adds the zone
family_events = st.one_of(
    [
        st.builds(
            one,
            **{
                name: strategy
                for name, strategy in {
                    "subject": text,
                    "client_id": text,
                    "sender_key": st.none() | text,
                    "scope": st.lists(text).map(tuple),
                    "generation": st.integers(0, 2**32 - 1),
                    "presented_generation": st.integers(0, 2**32 - 1),
                    "seconds_since_rotation": st.integers(0, 10**10),
                    "secret_hash": st.binary(min_size=32, max_size=32),
                    "idle_expires_at": moments,
                    "absolute_expires_at": moments,
                    "grace_ends_at": moments,
                    "lost_response_ends_at": st.none() | moments,
                    "deadline": moments,
                    "unrecorded_replays": st.integers(0, 1000),
                }.items()
                if name in one.__dataclass_fields__
            },
        )
        for one in get_args(FamilyEvent)
    ]
)


@given(family_events | st.builds(SigningKeyRotated))
def test_an_event_survives_the_round_trip(event: Event) -> None:
    payload = encode_payload(event)
    assert decode_payload(event_type(event), schema_version_of(event_type(event)), payload) == event
    assert rfc8785.dumps(json.loads(payload)).decode() == payload


@given(values)
def test_canonical_json_is_that_of_rfc_8785(value: Any) -> None:
    require_canonical(value, depth=100)
    assert canonical_json(value) == rfc8785.dumps(value)


@pytest.mark.parametrize("value", [1.5, 2**53, "\x00", "\ud800", {"ä": 1}, {1: 2}, [[[]]] * 2, b"x"])
def test_what_has_several_spellings_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r"."):
        require_canonical(value, depth=1)


@given(moments)
def test_a_timestamp_survives_the_round_trip(moment: datetime) -> None:
    assert parse_timestamp(timestamp(moment)) == moment
    assert len(timestamp(moment)) == 27


@pytest.mark.parametrize(
    ("type_name", "schema_version", "payload"),
    [
        ("TokenLost", 1, "{}"),
        ("TokenRotated", 2, "{}"),
        ("TokenRotated", 1, "{}"),
        ("TokenRevoked", 1, '{"generation":1,"reason":"boredom"}'),
        ("TokenRevoked", 1, '{"generation":1,"reason":"logout","more":1}'),
    ],
)
def test_an_event_that_this_program_cannot_read_is_refused(
    type_name: str, schema_version: int, payload: str
) -> None:
    with pytest.raises(UnknownEventError):
        decode_payload(type_name, schema_version, payload)


@given(family_events, st.none() | st.binary(min_size=32, max_size=32))
def test_a_leaf_is_canonical_json(event: Event, previous: bytes | None) -> None:
    leaf = leaf_bytes(
        stream_id=UUID(int=1),
        version=2,
        type_name=event_type(event),
        schema_version=schema_version_of(event_type(event)),
        occurred_at=datetime(2026, 11, 23, tzinfo=UTC),
        actor="subject:ä",
        client_id="web",
        correlation_id=UUID(int=2),
        causation=None,
        payload=encode_payload(event),
        personal_data=b"p" * 32,
        previous=previous,
    )
    assert rfc8785.dumps(json.loads(leaf)) == leaf


def test_a_leaf_never_changes_its_bytes() -> None:
    moment = datetime(2026, 11, 23, 18, tzinfo=UTC)
    event = TokenRotated(
        generation=1,
        secret_hash=b"\x01" * 32,
        idle_expires_at=moment,
        grace_ends_at=moment,
        lost_response_ends_at=None,
    )
    leaf = leaf_bytes(
        stream_id=UUID("01a20b4b-b7f1-73d5-9ecc-6fa24500a62e"),
        version=2,
        type_name="TokenRotated",
        schema_version=1,
        occurred_at=moment,
        actor="subject:ada",
        client_id="web",
        correlation_id=UUID("01a20b4b-b7f1-73d5-9ecc-6fa24500a62f"),
        causation=None,
        payload=encode_payload(event),
        personal_data=None,
        previous=b"\x02" * 32,
    )
    assert leaf.decode() == (
        '{"actor":"subject:ada","causation":null,"client":"web",'
        '"correlation":"01a20b4b-b7f1-73d5-9ecc-6fa24500a62f","occurred_at":"2026-11-23T18:00:00.000000Z",'
        '"payload":{"generation":1,"grace_ends_at":"2026-11-23T18:00:00.000000Z",'
        '"idle_expires_at":"2026-11-23T18:00:00.000000Z","lost_response_ends_at":null,"secret_hash":"'
        + "01" * 32
        + '"},"personal_data":null,"previous":"'
        + "02" * 32
        + '","schema_version":1,"stream":"01a20b4b-b7f1-73d5-9ecc-6fa24500a62e","type":"TokenRotated",'
        '"version":2}'
    )
    assert leaf_hash(leaf).hex() == "d0bbbf42f75e102a32fbeaed0d18a542393c460f544f759657d9214dd402376d"


def test_a_payload_that_is_no_json_is_damaged() -> None:
    with pytest.raises(UnknownEventError, match="not JSON"):
        decode_payload("TokenRevoked", 1, "{")
