"""Login assertions: what is accepted, the attacks that are not, and issuers whose keys lie at a URL."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st
from jwt.algorithms import OKPAlgorithm, RSAAlgorithm

from api import jwks_url
from api.assertions import AssertionRefusedError, AssertionVerifier, VerifiedAssertion
from api.development_issuer import development_issuer, sign_development_assertion
from api.jwks_url import IssuerUnavailableError, fetch_jwks
from api.trusted_issuers import DEVELOPMENT_ISSUER, RESERVED_CLAIMS, TrustedIssuer
from api.verification_keys import key_of_pem, keys_of_jwks

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
SECONDS = int(NOW.timestamp())
AUDIENCE = "https://ledger.example.com"
ISSUER = "https://idp.example"
SECRET = bytes(range(32))

PrivateKey = ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@cache
def private_key(algorithm: str = "EdDSA") -> PrivateKey:
    match algorithm[:2]:
        case "Ed":
            return ed25519.Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
        case "ES":
            return ec.generate_private_key(ec.SECP256R1() if algorithm == "ES256" else ec.SECP384R1())
        case _:
            return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def public_pem(algorithm: str = "EdDSA") -> str:
    key = private_key(algorithm).public_key()
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def issuer(
    algorithm: str = "EdDSA",
    *,
    claims: frozenset[str] | None = frozenset(),
    scopes: frozenset[str] = frozenset(),
    narrowed_to: frozenset[str] | None = None,
) -> TrustedIssuer:
    key = key_of_pem(public_pem(algorithm))
    if narrowed_to is not None:
        key = key_of_pem(public_pem(algorithm), algorithms=narrowed_to)
    return TrustedIssuer(
        issuer=ISSUER, audiences=frozenset({AUDIENCE}), keys=(key,), claims=claims, scopes=scopes
    )


def verifier(*issuers: TrustedIssuer, now: datetime = NOW) -> AssertionVerifier:
    return AssertionVerifier(issuers or (issuer(),), now=lambda: now)


def payload(**changes: object) -> dict[str, object]:
    """Good claims, some changed; a change to ... leaves one out."""
    claims = {
        "iss": ISSUER,
        "sub": "user-1",
        "aud": AUDIENCE,
        "iat": SECONDS,
        "exp": SECONDS + 60,
        "jti": "assertion-1",
    }
    return {name: value for name, value in {**claims, **changes}.items() if value is not ...}


def encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def signed(claims: bytes, header: bytes = b'{"alg":"EdDSA"}') -> str:
    """A good signature over whatever is given."""
    key = private_key()
    assert isinstance(key, ed25519.Ed25519PrivateKey)
    message = f"{encoded(header)}.{encoded(claims)}"
    return f"{message}.{encoded(key.sign(message.encode()))}"


def assertion(**changes: object) -> str:
    """A good assertion, some claims changed."""
    return signed(json.dumps(payload(**changes)).encode())


def with_header(**fields: object) -> str:
    """A good assertion, some fields of the header changed."""
    return signed(json.dumps(payload()).encode(), json.dumps({"alg": "EdDSA", **fields}).encode())


async def refusal(text: str, *issuers: TrustedIssuer, now: datetime = NOW) -> str:
    """The reason for which an assertion is refused, which holds nothing of it."""
    with pytest.raises(AssertionRefusedError) as refused:
        await verifier(*issuers, now=now).verify(text)
    reason = str(refused.value)
    assert reason.isprintable()
    assert not [part for part in text.split(".") if len(part) > 10 and part in reason]
    return reason


async def test_a_good_assertion_opens_the_way() -> None:
    assert await verifier().verify(assertion()) == VerifiedAssertion(
        issuer=ISSUER,
        jwt_id="assertion-1",
        subject="user-1",
        claims={},
        scopes=frozenset(),
        expires_at=NOW + timedelta(seconds=70),
    )


@pytest.mark.parametrize("algorithm", ["EdDSA", "ES256", "ES384", "RS256", "RS512", "PS256"])
async def test_an_assertion_of_each_kind_of_key_is_verified(algorithm: str) -> None:
    text = jwt.encode(payload(), private_key(algorithm), algorithm=algorithm)
    verified = await verifier(issuer(algorithm)).verify(text)

    assert verified.subject == "user-1"
    message, signature = text.rsplit(".", 1)
    assert "signature is wrong" in await refusal(f"{message}.{'A' * 8}{signature[8:]}", issuer(algorithm))


async def test_claims_are_copied_only_where_the_issuers_entry_names_them() -> None:
    text = assertion(email="a@example.com", role="admin", address={"city": "Köln", "floors": [1, None, True]})

    assert (await verifier(issuer(claims=frozenset({"email", "address", "phone"}))).verify(text)).claims == {
        "email": "a@example.com",
        "address": {"city": "Köln", "floors": [1, None, True]},
    }
    assert (await verifier(issuer()).verify(text)).claims == {}


async def test_reserved_claims_are_never_copied() -> None:
    forged = dict.fromkeys(RESERVED_CLAIMS - payload().keys() - {"nbf"}, "forged")
    text = assertion(role="admin", **forged)

    assert (await verifier(issuer(claims=None)).verify(text)).claims == {"role": "admin"}
    assert (await verifier(issuer(claims=RESERVED_CLAIMS)).verify(text)).claims == {}


async def test_scopes_are_granted_only_where_asked_for_and_allowed() -> None:
    trusted = issuer(scopes=frozenset({"audit:read", "sessions:admin"}))

    assert (await verifier(trusted).verify(assertion(scope="audit:read subjects:erase"))).scopes == {
        "audit:read"
    }
    assert (await verifier(trusted).verify(assertion())).scopes == frozenset()
    assert (await verifier().verify(assertion(scope="audit:read"))).scopes == frozenset()


@pytest.mark.parametrize("aud", [AUDIENCE, [AUDIENCE], ["https://other.example", AUDIENCE]])
async def test_the_audience_may_be_a_text_or_a_list(aud: object) -> None:
    assert (await verifier().verify(assertion(aud=aud))).issuer == ISSUER


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": SECONDS - 9},
        {"exp": SECONDS + 300},
        {"exp": SECONDS + 309, "iat": SECONDS + 9},
        {"exp": SECONDS + 60.5},
        {"iat": ...},
        {"iat": ..., "exp": SECONDS + 310},
        {"nbf": SECONDS + 9},
        {"nbf": 0},
        {"sub": "s" * 255, "jti": "j" * 255},
        {"sub": "ユーザー"},
    ],
)
async def test_times_and_names_at_their_bounds_are_accepted(changes: dict[str, object]) -> None:
    assert (await verifier().verify(assertion(**changes))).issuer == ISSUER


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"iss": ...}, "iss"),
        ({"iss": "https://other.example"}, "not a trusted one"),
        ({"iss": f"{ISSUER}/"}, "not a trusted one"),
        ({"iss": [ISSUER]}, "iss"),
        ({"aud": ...}, "aud"),
        ({"aud": None}, "aud"),
        ({"aud": []}, "aud"),
        ({"aud": [AUDIENCE, 7]}, "aud"),
        ({"aud": {AUDIENCE: 1}}, "aud"),
        ({"aud": f"{AUDIENCE}/"}, "not this service"),
        ({"aud": AUDIENCE.upper()}, "not this service"),
        ({"exp": ...}, "exp"),
        ({"exp": None}, "exp"),
        ({"exp": True}, "exp"),
        ({"exp": str(SECONDS + 60)}, "exp"),
        ({"exp": SECONDS - 10}, "expired"),
        ({"exp": -(10**400)}, "expired"),
        ({"exp": SECONDS + 311, "iat": ...}, "5 minutes"),
        ({"exp": 10**400}, "5 minutes"),
        ({"exp": SECONDS + 290, "iat": SECONDS - 11}, "5 minutes"),
        ({"iat": -(10**400)}, "5 minutes"),
        ({"iat": SECONDS + 11}, "future"),
        ({"iat": 10**400}, "future"),
        ({"iat": "now"}, "iat"),
        ({"iat": False}, "iat"),
        ({"nbf": SECONDS + 11}, "not valid yet"),
        ({"nbf": [0]}, "nbf"),
        ({"jti": ...}, "jti"),
        ({"jti": ""}, "jti"),
        ({"jti": 7}, "jti"),
        ({"jti": "j" * 256}, "jti"),
        ({"jti": "a\x00b"}, "jti"),
        ({"sub": ...}, "sub"),
        ({"sub": ""}, "sub"),
        ({"sub": 7}, "sub"),
        ({"sub": "s" * 256}, "sub"),
        ({"sub": "a\x00b"}, "sub"),
        ({"sub": "a\nb"}, "sub"),
        ({"sub": "a\x85b"}, "sub"),
        ({"sub": "\ud800"}, "sub"),
        ({"scope": ["audit:read"]}, "scope"),
        ({"role": 1.5}, "float"),
        ({"role": 2**53}, "2^53"),
        ({"role": "a\x00b"}, "NUL"),
        ({"role": {"a": ["\udc00"]}}, "surrogate"),
        ({"größe": 1}, "ASCII"),
        ({"role": "r" * 4090}, "4096 bytes"),
        ({"role": "r" * 20_000}, "16384"),
    ],
)
async def test_a_wrong_claim_is_named(changes: dict[str, object], reason: str) -> None:
    assert reason in await refusal(assertion(**changes), issuer(claims=None))


async def test_a_claim_that_is_not_copied_is_not_judged() -> None:
    assert (await verifier().verify(assertion(role=1.5, text="r" * 5000))).claims == {}


@pytest.mark.parametrize(("left", "right"), [(b"[", b"]"), (b'{"a":', b"}")])
async def test_deep_nesting_is_refused(left: bytes, right: bytes) -> None:
    for depth in (17, 1_900):
        nested = left * depth + b"1" + right * depth
        text = signed(json.dumps(payload()).encode()[:-1] + b',"role":' + nested + b"}")

        reason = await refusal(text, issuer(claims=None))

        assert "nested too deep" in reason or "must be JSON objects" in reason


@pytest.mark.parametrize(
    "claims",
    [
        b"null",
        b"[]",
        b'"text"',
        b"{",
        b"\xff\xfe{\x00}\x00",
        b"\xef\xbb\xbf" + json.dumps(payload()).encode(),
        json.dumps(payload()).encode("utf-16"),
        json.dumps(payload()).encode() + b"{}",
        json.dumps(payload()).encode()[:-1] + b',"sub":"user-2"}',
        json.dumps(payload()).encode()[:-1] + b',"role":{"a":1,"a":2}}',
        json.dumps(payload()).encode()[:-1] + b',"role":NaN}',
        json.dumps(payload()).encode()[:-1] + b',"role":-Infinity}',
        json.dumps(payload()).encode()[:-1] + b',"role":' + b"9" * 5_000 + b"}",
    ],
)
async def test_claims_that_are_no_plain_json_object_are_refused(claims: bytes) -> None:
    assert "JSON objects without duplicate keys" in await refusal(signed(claims))


async def test_an_infinite_number_is_refused_like_a_large_one() -> None:
    endless = json.dumps(payload(exp=...)).encode()[:-1] + b',"exp":1e999}'

    assert "5 minutes" in await refusal(signed(endless))


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ({"typ": "at+jwt"}, "typ"),
        ({"typ": "AT+JWT"}, "typ"),
        ({"typ": "application/at+jwt"}, "typ"),
        ({"typ": "dpop+jwt"}, "typ"),
        ({"typ": "logout+jwt"}, "typ"),
        ({"typ": None}, "typ"),
        ({"typ": 7}, "typ"),
        ({"crit": ["exp"], "exp": 1}, "crit"),
        ({"crit": []}, "crit"),
        ({"b64": False, "crit": ["b64"]}, "b64"),
        ({"b64": True}, "b64"),
        ({"alg": None}, "alg"),
        ({"alg": ["EdDSA"]}, "alg"),
        ({"alg": "none"}, "alg"),
        ({"alg": "None"}, "alg"),
        ({"alg": "HS256"}, "alg"),
        ({"alg": "ES256K"}, "alg"),
        ({"alg": "eddsa"}, "alg"),
        ({"alg": "RS256"}, "no single key"),
        ({"kid": 7}, "kid"),
    ],
)
async def test_a_header_that_asks_for_something_else_is_refused(
    header: dict[str, object], reason: str
) -> None:
    assert reason in await refusal(with_header(**header))


@pytest.mark.parametrize("kind", ["JWT", "jwt", "application/jwt"])
async def test_the_type_may_be_jwt_in_any_spelling(kind: str) -> None:
    assert await verifier().verify(with_header(typ=kind))


async def test_keys_in_the_header_are_not_looked_at() -> None:
    thief = ed25519.Ed25519PrivateKey.generate()
    own = OKPAlgorithm.to_jwk(thief.public_key(), as_dict=True)
    text = jwt.encode(
        payload(),
        thief,
        algorithm="EdDSA",
        headers={
            "jwk": own,
            "jku": "https://evil.example/keys",
            "x5u": "https://evil.example/",
            "x5c": ["AAAA"],
        },
    )

    assert "signature" in await refusal(text)


async def test_an_unsigned_assertion_is_refused() -> None:
    text = jwt.encode(payload(), "", algorithm="none")

    assert await refusal(text)
    assert "alg" in await refusal(f"{text}AAAA")


@pytest.mark.parametrize("algorithm", ["HS256", "RS256"])
async def test_a_public_key_is_no_shared_secret(algorithm: str) -> None:
    header = encoded(json.dumps({"alg": algorithm, "typ": "JWT"}).encode())
    message = f"{header}.{encoded(json.dumps(payload()).encode())}"
    mac = hmac.new(public_pem("RS256").encode(), message.encode(), hashlib.sha256).digest()

    assert await refusal(f"{message}.{encoded(mac)}", issuer("RS256"))


async def test_the_algorithm_must_be_one_that_the_issuers_entry_allows() -> None:
    trusted = issuer("RS256", narrowed_to=frozenset({"PS256"}))

    accepted = jwt.encode(payload(), private_key("RS256"), algorithm="PS256")
    assert (await verifier(trusted).verify(accepted)).issuer == ISSUER
    refused = jwt.encode(payload(), private_key("RS256"), algorithm="RS256")
    assert "no single key" in await refusal(refused, trusted)


async def test_a_key_of_another_curve_is_refused() -> None:
    text = jwt.encode(payload(), private_key("ES384"), algorithm="ES384")

    assert "no single key" in await refusal(text, issuer("ES256"))


async def test_one_issuer_cannot_speak_for_another() -> None:
    thief = TrustedIssuer(
        issuer="https://thief.example",
        audiences=frozenset({AUDIENCE}),
        keys=(key_of_pem(public_pem("ES256")),),
    )
    text = jwt.encode(payload(), private_key("ES256"), algorithm="ES256")

    assert await refusal(text, issuer(), thief)
    assert await refusal(assertion(iss="https://thief.example"), issuer(), thief)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: "",
        lambda text: ".",
        lambda text: "..",
        lambda text: text.rsplit(".", 1)[0],
        lambda text: f"{text.rsplit('.', 1)[0]}.",
        lambda text: f"{text}.",
        lambda text: f"{text}.AAAA",
        lambda text: f"{text}=",
        lambda text: f"{text}==",
        lambda text: f"{text}\n",
        lambda text: f" {text}",
        lambda text: text.replace(".", ". ", 1),
        lambda text: text.replace(".", "=.", 1),
        lambda text: f"{text}A",
        lambda text: f"Bearer {text}",
        lambda text: "tlrt_" + "A" * 92,
        lambda text: "\x00" * 10,
        lambda text: "\ud800.\ud800.\ud800",
        lambda text: "ä.ä.ä",
        lambda text: "A" * 16_385,
        lambda text: json.dumps({"payload": text}),
    ],
)
async def test_what_is_no_compact_jwt_is_refused(spoil: Callable[[str], str]) -> None:
    with pytest.raises(AssertionRefusedError):
        await verifier().verify(spoil(assertion()))


async def test_loose_bits_at_the_end_of_a_part_are_refused() -> None:
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    text = assertion()
    assert len(text.rsplit(".", 1)[1]) == 86  # 64 bytes: the last character carries 4 unused bits
    same_bytes = text[:-1] + alphabet[alphabet.index(text[-1]) + 1]

    assert "canonical" in await refusal(same_bytes)


GOOD = assertion()


@settings(max_examples=300, deadline=None)
@given(
    position=st.integers(min_value=0, max_value=len(GOOD) - 1),
    character=st.sampled_from("ABYZabyz0189-_.=+/ \n\x00é"),
)
def test_no_changed_character_goes_unnoticed(position: int, character: str) -> None:
    if GOOD[position] == character:
        return
    changed = GOOD[:position] + character + GOOD[position + 1 :]

    with pytest.raises(AssertionRefusedError):
        asyncio.run(verifier().verify(changed))


async def test_an_assertion_is_refused_from_the_moment_that_its_verification_told() -> None:
    text = assertion()
    expires_at = (await verifier().verify(text)).expires_at

    assert await verifier(now=expires_at - timedelta(microseconds=1)).verify(text)
    assert "expired" in await refusal(text, now=expires_at)


async def test_the_development_issuer_accepts_what_was_signed_with_its_secret() -> None:
    trusted = development_issuer(SECRET, audience=AUDIENCE, scopes=frozenset({"audit:read"}))
    text = sign_development_assertion(
        SECRET,
        subject="user-1",
        audience="http://127.0.0.1:9999",
        claims={"email": "a@example.com", "scope": "audit:read sessions:admin"},
        now=NOW,
        jti="j",
    )

    verified = await verifier(trusted).verify(text)

    assert verified == VerifiedAssertion(
        issuer=DEVELOPMENT_ISSUER,
        jwt_id="j",
        subject="user-1",
        claims={"email": "a@example.com"},
        scopes=frozenset({"audit:read"}),
        expires_at=NOW + timedelta(seconds=310),
    )
    assert jwt.decode(text, options={"verify_signature": False})["aud"] == [
        "http://127.0.0.1:9999",
        DEVELOPMENT_ISSUER,
    ]


async def test_the_development_issuer_refuses_what_was_signed_with_another_secret() -> None:
    text = sign_development_assertion(bytes(32), subject="s", audience=AUDIENCE, claims={}, now=NOW, jti="j")

    assert "signature" in await refusal(text, development_issuer(SECRET, audience=AUDIENCE))


async def test_without_the_development_issuer_its_assertions_are_refused() -> None:
    text = sign_development_assertion(SECRET, subject="s", audience=AUDIENCE, claims={}, now=NOW, jti="j")

    assert "not a trusted one" in await refusal(text)


@pytest.mark.parametrize("claim", ["sub", "iss", "exp", "client_id", "sid"])
def test_a_development_assertion_cannot_be_given_reserved_claims(claim: str) -> None:
    with pytest.raises(ValueError, match=f"the claim '{claim}'"):
        sign_development_assertion(
            SECRET, subject="s", audience=AUDIENCE, claims={claim: "x"}, now=NOW, jti="j"
        )


class Publisher:
    """An issuer's key set at a URL, the clock beside it, and how often it was asked."""

    url = "https://idp.example/keys"

    def __init__(self, *key_ids: str) -> None:
        self.key_ids = list(key_ids)
        self.seconds = 0.0
        self.fetches = 0
        self.failure: Exception | None = None

    def fetch(self, url: str) -> object:
        assert url == self.url
        self.fetches += 1
        if self.failure is not None:
            raise self.failure
        key = private_key()
        assert isinstance(key, ed25519.Ed25519PrivateKey)
        public = OKPAlgorithm.to_jwk(key.public_key(), as_dict=True)
        return {"keys": [{**public, "kid": key_id} for key_id in self.key_ids]}

    def verifier(self) -> AssertionVerifier:
        trusted = TrustedIssuer(issuer=ISSUER, audiences=frozenset({AUDIENCE}), keys=self.url)
        return AssertionVerifier(
            (trusted,), now=lambda: NOW, monotonic=lambda: self.seconds, fetch=self.fetch
        )


def with_key(key_id: str) -> str:
    return with_header(kid=key_id)


async def test_published_keys_are_fetched_once_when_first_needed_and_kept_for_five_minutes() -> None:
    publisher = Publisher("a", "b")
    verify = publisher.verifier().verify
    assert publisher.fetches == 0

    await verify(with_key("a"))
    await verify(with_key("b"))
    publisher.seconds = 299
    await verify(with_key("a"))
    assert publisher.fetches == 1
    publisher.seconds = 300
    await verify(with_key("a"))
    assert publisher.fetches == 2


async def test_many_at_once_share_one_fetch() -> None:
    publisher = Publisher("a")
    verify = publisher.verifier().verify

    await asyncio.gather(*(verify(with_key("a")) for _ in range(50)))

    assert publisher.fetches == 1


async def test_a_new_key_is_fetched_when_it_is_first_seen() -> None:
    publisher = Publisher("a")
    verify = publisher.verifier().verify
    await verify(with_key("a"))
    publisher.key_ids.append("b")
    publisher.seconds = 30

    assert await verify(with_key("b"))
    assert publisher.fetches == 2


async def test_unknown_key_ids_cause_at_most_one_fetch_in_thirty_seconds() -> None:
    publisher = Publisher("a")
    verify = publisher.verifier().verify
    await verify(with_key("a"))

    for second in range(60):
        publisher.seconds = second
        with pytest.raises(AssertionRefusedError, match="no single key"):
            await verify(with_key(f"unknown-{second}"))

    assert publisher.fetches == 2


async def test_a_key_that_is_withdrawn_is_refused_after_five_minutes() -> None:
    publisher = Publisher("a", "b")
    verify = publisher.verifier().verify
    await verify(with_key("a"))
    publisher.key_ids.remove("a")
    publisher.seconds = 300

    with pytest.raises(AssertionRefusedError, match="no single key"):
        await verify(with_key("a"))


async def test_other_assertions_wait_for_no_network() -> None:
    publisher = Publisher("a")
    both = AssertionVerifier(
        (issuer(), TrustedIssuer(issuer="other", audiences=frozenset({AUDIENCE}), keys=publisher.url)),
        now=lambda: NOW,
        fetch=publisher.fetch,
    )

    assert await both.verify(assertion())
    with pytest.raises(AssertionRefusedError):
        await both.verify(signed(json.dumps(payload(iss="other")).encode(), b'{"alg":"none"}'))
    assert publisher.fetches == 0


@pytest.mark.parametrize(
    "failure",
    [
        ConnectionResetError(),
        TimeoutError(),
        ValueError("no JSON"),
        jwt.PyJWKClientConnectionError("refused"),
        jwt.PyJWKClientError("no object"),
    ],
)
async def test_an_issuer_that_cannot_be_asked_is_unavailable_and_not_asked_again_at_once(
    failure: Exception,
) -> None:
    publisher = Publisher("a")
    publisher.failure = failure
    verify = publisher.verifier().verify

    for second in (0, 1, 4):
        publisher.seconds = second
        with pytest.raises(IssuerUnavailableError):
            await verify(with_key("a"))
    assert publisher.fetches == 1

    publisher.failure = None
    publisher.seconds = 5
    assert await verify(with_key("a"))


async def test_a_key_set_that_holds_nothing_usable_is_unavailability() -> None:
    with pytest.raises(IssuerUnavailableError):
        await Publisher().verifier().verify(with_key("a"))


async def test_known_keys_serve_for_an_hour_while_the_issuer_cannot_be_asked() -> None:
    publisher = Publisher("a")
    verify = publisher.verifier().verify
    await verify(with_key("a"))
    publisher.failure = ConnectionResetError()

    publisher.seconds = 3599
    assert await verify(with_key("a"))
    with pytest.raises(IssuerUnavailableError):
        await verify(with_key("b"))
    publisher.seconds = 3605
    with pytest.raises(IssuerUnavailableError):
        await verify(with_key("a"))


async def test_an_issuer_that_never_answers_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jwks_url, "FETCH_TIMEOUT_SECONDS", 0.01)
    released = threading.Event()
    trusted = TrustedIssuer(issuer=ISSUER, audiences=frozenset({AUDIENCE}), keys=Publisher.url)
    verify = AssertionVerifier((trusted,), now=lambda: NOW, fetch=lambda _: released.wait(5)).verify

    with pytest.raises(IssuerUnavailableError):
        await verify(assertion())
    released.set()


async def test_fetching_does_not_hold_up_the_event_loop() -> None:
    publisher = Publisher("a")
    asked, released = threading.Event(), threading.Event()

    def slow(url: str) -> object:
        asked.set()
        assert released.wait(5)
        return publisher.fetch(url)

    trusted = TrustedIssuer(issuer=ISSUER, audiences=frozenset({AUDIENCE}), keys=publisher.url)
    waiting = asyncio.create_task(
        AssertionVerifier((trusted,), now=lambda: NOW, fetch=slow).verify(with_key("a"))
    )
    await asyncio.to_thread(asked.wait, 5)

    assert not waiting.done()  # and this line runs while the fetch does
    released.set()
    assert (await waiting).subject == "user-1"


@contextmanager
def served(status: int, body: bytes, **headers: str) -> Iterator[str]:
    """A web server that gives one answer to everything."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the base class
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/keys"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_key_set_is_fetched_over_http() -> None:
    key = private_key("RS256")
    assert isinstance(key, rsa.RSAPrivateKey)
    document = {"keys": [RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)]}

    with served(200, json.dumps(document).encode()) as url:
        assert keys_of_jwks(fetch_jwks(url))[0].public_key == key.public_key()


@pytest.mark.parametrize(
    ("status", "body", "headers"),
    [
        (500, b"", {}),
        (404, b'{"keys": []}', {}),
        (200, b"<html>", {}),
        (200, b"\xff\xfe\xfd", {}),
        (200, b"[]", {}),
        (200, b'{"keys": []}', {}),
        (302, b"", {"Location": "https://evil.example/keys"}),
    ],
)
async def test_an_answer_without_keys_is_unavailability(
    status: int, body: bytes, headers: dict[str, str]
) -> None:
    with served(status, body, **headers) as url:
        trusted = TrustedIssuer(issuer=ISSUER, audiences=frozenset({AUDIENCE}), keys=url)
        with pytest.raises(IssuerUnavailableError):
            await AssertionVerifier((trusted,), now=lambda: NOW).verify(assertion())


async def test_a_port_where_nobody_listens_is_unavailability() -> None:
    with served(200, b"") as url:
        pass
    trusted = TrustedIssuer(issuer=ISSUER, audiences=frozenset({AUDIENCE}), keys=url)

    with pytest.raises(IssuerUnavailableError):
        await AssertionVerifier((trusted,), now=lambda: NOW).verify(assertion())
