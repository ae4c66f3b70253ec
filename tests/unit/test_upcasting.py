"""Events of older schema versions are read as their current ones; what this program cannot know is said."""

from __future__ import annotations

import pytest

from ledger.event_codec import UnknownEventError, decode_payload, schema_version_of
from ledger.events import RevocationReason, TokenRevoked
from ledger.upcasting import Payload, Upcasting

OLDEST = '{"last_generation":3,"why":"signed_out"}'


def reason_renamed(payload: Payload) -> Payload:
    return {**{key: value for key, value in payload.items() if key != "why"}, "reason": payload["why"]}


def one_word_for_logout(payload: Payload) -> Payload:
    return payload | {"reason": "logout" if payload["reason"] == "signed_out" else payload["reason"]}


def generation_renamed(payload: Payload) -> Payload:
    payload["generation"] = payload.pop("last_generation")
    return payload


THREE_STEPS = Upcasting(
    {
        ("TokenRevoked", 1): reason_renamed,
        ("TokenRevoked", 2): one_word_for_logout,
        ("TokenRevoked", 3): generation_renamed,
        ("SubjectErased", 1): lambda payload: {"subject": payload["sub"]},
    }
)


@pytest.mark.parametrize(
    ("version", "payload"),
    [
        (1, OLDEST),
        (2, '{"last_generation":3,"reason":"signed_out"}'),
        (3, '{"last_generation":3,"reason":"logout"}'),
        (4, '{"generation":3,"reason":"logout"}'),
    ],
)
def test_every_version_is_read_as_the_current_one(version: int, payload: str) -> None:
    event = decode_payload("TokenRevoked", version, payload, upcasting=THREE_STEPS)
    assert event == TokenRevoked(reason=RevocationReason.LOGOUT, generation=3)


def test_types_have_versions_of_their_own() -> None:
    assert THREE_STEPS.current("TokenRevoked") == 4
    assert THREE_STEPS.current("SubjectErased") == 2
    assert THREE_STEPS.current("TokenIssued") == 1
    assert schema_version_of("TokenRevoked") == 1


def test_an_event_of_a_newer_version_says_that_the_program_is_older() -> None:
    with pytest.raises(
        UnknownEventError, match="version 5 was written by a newer program: this one is older"
    ):
        decode_payload("TokenRevoked", 5, OLDEST, upcasting=THREE_STEPS)
    with pytest.raises(UnknownEventError, match="knows version 1, upgrade it"):
        decode_payload("TokenRevoked", 2, '{"generation":1,"reason":"logout"}')
    with pytest.raises(UnknownEventError, match="this program is older than the data"):
        decode_payload("TokenLost", 1, "{}")


@pytest.mark.parametrize("version", [0, -1])
def test_there_is_no_version_before_the_first(version: int) -> None:
    with pytest.raises(UnknownEventError, match=f"there is no schema version {version} of TokenRevoked"):
        decode_payload("TokenRevoked", version, OLDEST)


@pytest.mark.parametrize("payload", ['{"last_generation":3}', '{"why":"logout"}', "[1]", "7", "null"])
def test_a_damaged_event_of_an_older_version_is_told_like_any_other(payload: str) -> None:
    with pytest.raises(UnknownEventError, match="the payload of a TokenRevoked is damaged"):
        decode_payload("TokenRevoked", 1, payload, upcasting=THREE_STEPS)


@pytest.mark.parametrize("versions", [(2,), (1, 3), (0, 1)])
def test_a_version_that_nothing_leads_from_is_noticed_at_the_start(versions: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"nothing leads from version . of TokenRevoked"):
        Upcasting({("TokenRevoked", version): reason_renamed for version in versions})
