"""Access tokens: what is signed, and the list of attacks on what is verified."""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import jwt
import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256, SHA384
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st
from jwt.algorithms import ECAlgorithm, OKPAlgorithm

from ledger.access_token import (
    CLOCK_LEEWAY,
    MAXIMUM_LENGTH,
    RESERVED_CLAIMS,
    AccessTokenError,
    AccessTokenIssuer,
    Claims,
    verify_access_token,
    verify_with_keys,
)
from ledger.refresh_token import RefreshToken, encode
from ledger.signing_algorithm import SigningAlgorithm, SigningKey, VerificationKey, decode_base64url

ISSUER, AUDIENCE = "https://tokens.example", "https://api.example"
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
SECOND = int(NOW.timestamp())
SESSION = UUID("01939b4e-6c00-7000-8000-000000000001")
KEYS = {algorithm: SigningKey.generate(algorithm) for algorithm in SigningAlgorithm}
EDDSA = KEYS[SigningAlgorithm.EDDSA]
ES256 = KEYS[SigningAlgorithm.ES256]
STRANGER = {algorithm: SigningKey.generate(algorithm) for algorithm in SigningAlgorithm}
JWKS: dict[str, object] = {"keys": [key.public.jwk() for key in KEYS.values()]}
PAYLOAD: dict[str, object] = {
    "iss": ISSUER,
    "aud": AUDIENCE,
    "sub": "ada",
    "iat": SECOND,
    "nbf": SECOND,
    "exp": SECOND + 900,
    "jti": "token-1",
    "sid": str(SESSION),
    "client_id": "web",
    "scope": "audit:read sessions:admin",
    "email": "ada@example.org",
}
CLAIMS = Claims(
    subject="ada",
    session_id=SESSION,
    client_id="web",
    scopes=frozenset(("audit:read", "sessions:admin")),
    issued_at=NOW,
    expires_at=NOW + timedelta(minutes=15),
    jwt_id="token-1",
    extra={"email": "ada@example.org"},
)
REMOVED = object()

each_algorithm = pytest.mark.parametrize("key", KEYS.values(), ids=lambda key: key.algorithm.value)


def part(value: object) -> bytes:
    data = value if isinstance(value, bytes) else orjson.dumps(value)
    return urlsafe_b64encode(data).rstrip(b"=")


def made(
    key: SigningKey = EDDSA,
    *,
    header: Mapping[str, object] | None = None,
    payload: Mapping[str, object] | bytes | None = None,
    signer: SigningKey | None = None,
) -> str:
    """A token by hand: the right one, save for what is given; REMOVED takes a member away."""
    full = {"typ": "at+jwt", "alg": key.algorithm.value, "kid": key.kid, **(header or {})}
    body = payload if isinstance(payload, bytes) else {**PAYLOAD, **(payload or {})}
    if isinstance(body, dict):
        body = {name: value for name, value in body.items() if value is not REMOVED}
    kept = {name: value for name, value in full.items() if value is not REMOVED}
    signed = part(kept) + b"." + part(body)
    return (signed + b"." + part((signer or key).sign(signed))).decode()


def verified(token: object, jwks: Mapping[str, object] = JWKS, now: datetime = NOW) -> Claims:
    return verify_access_token(token, jwks, issuer=ISSUER, audience=AUDIENCE, now=now)


def refused(token: object, jwks: Mapping[str, object] = JWKS, now: datetime = NOW) -> str:
    """The reason for which a token is refused."""
    with pytest.raises(AccessTokenError) as caught:
        verified(token, jwks, now)
    if isinstance(token, str) and len(token) > 20:
        assert token not in str(caught.value)
    return caught.value.reason


def issued(key: SigningKey = EDDSA, **changes: Any) -> str:
    arguments: dict[str, Any] = {
        "subject": "ada",
        "session_id": SESSION,
        "client_id": "web",
        "scopes": frozenset(("sessions:admin", "audit:read")),
        "issued_at": NOW,
        "expires_at": NOW + timedelta(minutes=15),
        "jwt_id": "token-1",
        "extra": {"email": "ada@example.org"},
    }
    return AccessTokenIssuer(key=key, issuer=ISSUER, audience=AUDIENCE).sign(**{**arguments, **changes})


TOKENS = {algorithm: made(key) for algorithm, key in KEYS.items()}


# Signing


@each_algorithm
def test_a_signed_token_says_to_any_library_what_it_was_given(key: SigningKey) -> None:
    token = issued(key)
    assert jwt.get_unverified_header(token) == {
        "alg": key.algorithm.value,
        "kid": key.kid,
        "typ": "at+jwt",
    }
    decoded = jwt.decode(
        token,
        jwt.PyJWKSet.from_dict({"keys": [key.public.jwk()]})[key.kid],
        algorithms=[key.algorithm.value],
        audience=AUDIENCE,
        issuer=ISSUER,
        options={"verify_exp": False, "verify_nbf": False, "verify_iat": False},
    )
    assert decoded == PAYLOAD


@each_algorithm
def test_a_signed_token_verifies(key: SigningKey) -> None:
    assert verified(issued(key)) == CLAIMS


def test_without_scopes_there_is_no_scope_claim() -> None:
    token = issued(scopes=())
    assert "scope" not in jwt.decode(token, options={"verify_signature": False})
    assert verified(token).scopes == frozenset()


def test_times_are_whole_seconds_and_never_later_than_given() -> None:
    token = issued(
        issued_at=NOW + timedelta(microseconds=999_999),
        expires_at=datetime(2026, 11, 23, 13, 15, 0, 999_999, tzinfo=timezone(timedelta(hours=1))),
    )
    said = jwt.decode(token, options={"verify_signature": False})
    assert [said[name] for name in ("iat", "nbf", "exp")] == [SECOND, SECOND, SECOND + 900]
    assert all(type(said[name]) is int for name in ("iat", "nbf", "exp"))


def test_the_claims_of_a_session_override_no_registered_one() -> None:
    extra = {**dict.fromkeys(RESERVED_CLAIMS, "of the attacker"), "role": "clerk"}
    said = jwt.decode(issued(extra=extra, scopes=()), options={"verify_signature": False})
    assert said == {**{n: v for n, v in PAYLOAD.items() if n not in ("email", "scope")}, "role": "clerk"}


def test_a_token_without_a_session_speaks_for_its_client_only() -> None:
    token = issued(subject="backend", client_id="backend", session_id=None)
    claims = verified(token)
    assert (claims.subject, claims.session_id) == ("backend", None)
    with pytest.raises(ValueError, match="client only"):
        issued(session_id=None)
    assert refused(made(payload={"sid": REMOVED})) == "claims"


def test_a_printed_issuer_shows_no_private_key() -> None:
    shown = repr(AccessTokenIssuer(key=EDDSA, issuer=ISSUER, audience=AUDIENCE))
    assert "private" not in shown.lower()


# Verifying: what is right


@each_algorithm
def test_a_token_made_by_hand_verifies(key: SigningKey) -> None:
    assert verified(made(key)) == CLAIMS


@pytest.mark.parametrize("typ", ["at+jwt", "AT+JWT", "application/at+jwt", "Application/AT+jwt"])
def test_the_type_is_read_without_regard_to_case_or_prefix(typ: str) -> None:
    assert verified(made(header={"typ": typ})) == CLAIMS


def test_the_audience_may_be_one_of_several() -> None:
    assert verified(made(payload={"aud": ["https://other.example", AUDIENCE]})) == CLAIMS


def test_keys_that_are_parsed_already_give_the_same_answer() -> None:
    def known(kid: str) -> VerificationKey | None:
        return next((key.public for key in KEYS.values() if key.kid == kid), None)

    token = made()
    assert verify_with_keys(token, known, issuer=ISSUER, audience=AUDIENCE, now=NOW) == CLAIMS
    with pytest.raises(AccessTokenError, match="no key"):
        verify_with_keys(token, lambda _: None, issuer=ISSUER, audience=AUDIENCE, now=NOW)


def test_without_a_time_the_clock_of_the_machine_decides() -> None:
    now = datetime.now(UTC)
    fresh = issued(issued_at=now, expires_at=now + timedelta(minutes=15))
    assert verify_access_token(fresh, JWKS, issuer=ISSUER, audience=AUDIENCE).subject == "ada"
    stale = issued(issued_at=now - timedelta(hours=1), expires_at=now - timedelta(minutes=45))
    with pytest.raises(AccessTokenError) as caught:
        verify_access_token(stale, JWKS, issuer=ISSUER, audience=AUDIENCE)
    assert caught.value.reason == "expired"


def test_private_members_in_a_key_set_do_no_harm() -> None:
    assert isinstance(EDDSA.private_key, ed25519.Ed25519PrivateKey)
    private = OKPAlgorithm.to_jwk(EDDSA.private_key, as_dict=True)
    assert "d" in private
    assert verified(made(), {"keys": [{**private, "kid": EDDSA.kid}]}) == CLAIMS


# Attacks on the algorithm


@each_algorithm
@pytest.mark.parametrize("alg", ["none", "None", "NONE", "", None, 1, ["EdDSA"], REMOVED])
def test_an_unsigned_token_is_refused(key: SigningKey, alg: object) -> None:
    signed, _, signature = made(key, header={"alg": alg}).rpartition(".")
    assert refused(f"{signed}.{signature}") == "algorithm"
    assert refused(f"{signed}.") == "algorithm"


@each_algorithm
@pytest.mark.parametrize("alg", ["HS256", "HS384", "HS512"])
def test_a_mac_under_the_public_key_is_refused(key: SigningKey, alg: str) -> None:
    public = key.public.public_key
    secrets = [
        public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        orjson.dumps(key.public.jwk()),
        b"",
    ]
    for secret in secrets:
        for name in (alg, key.algorithm.value):
            signed = part({"typ": "at+jwt", "alg": name, "kid": key.kid}) + b"." + part(PAYLOAD)
            mac = hmac.digest(secret, signed, f"sha{alg[2:]}")
            token = (signed + b"." + part(mac)).decode()
            assert refused(token) == ("algorithm" if name == alg else "signature")


@each_algorithm
def test_the_algorithm_of_a_token_must_be_that_of_its_key(key: SigningKey) -> None:
    for other in KEYS.values():
        if other is not key:
            assert refused(made(key, header={"alg": other.algorithm.value})) == "algorithm"
            assert refused(made(other, header={"kid": key.kid})) == "algorithm"
    for name in ("eddsa", "Ed25519", "ES384", "PS256", "RS512"):
        assert refused(made(key, header={"alg": name})) == "algorithm"


@each_algorithm
def test_a_token_of_another_key_of_the_same_algorithm_is_refused(key: SigningKey) -> None:
    stranger = STRANGER[key.algorithm]
    assert refused(made(key, signer=stranger)) == "signature"
    assert refused(made(stranger)) == "unknown_key"


@pytest.mark.parametrize("kid", [REMOVED, None, 1, "", [EDDSA.kid], {"kid": EDDSA.kid}, "../../etc/passwd"])
def test_a_token_that_names_no_key_of_the_set_is_refused(kid: object) -> None:
    assert refused(made(header={"kid": kid})) == "unknown_key"


@each_algorithm
def test_keys_that_a_token_brings_along_are_not_believed(key: SigningKey) -> None:
    stranger = STRANGER[key.algorithm]
    brought = {
        "jwk": stranger.public.jwk(),
        "jku": "https://attacker.example/jwks.json",
        "x5u": "https://attacker.example/chain.pem",
        "x5c": ["MIIB"],
    }
    assert refused(made(key, header=brought, signer=stranger)) == "signature"
    assert refused(made(stranger, header=brought)) == "unknown_key"


@pytest.mark.parametrize("crit", [["b64"], ["exp"], [], "exp", None])
def test_a_critical_header_parameter_is_refused(crit: object) -> None:
    assert refused(made(header={"crit": crit, "b64": False, "exp": 1})) == "critical_header"


@pytest.mark.parametrize(
    "typ", ["JWT", "jwt", "at+jwt ", "dpop+jwt", "application/jwt", "", None, 1, ["at+jwt"], REMOVED]
)
def test_a_token_of_another_type_is_refused(typ: object) -> None:
    assert refused(made(header={"typ": typ})) == "type"


def test_an_assertion_is_no_access_token() -> None:
    assertion = jwt.encode(PAYLOAD, EDDSA.private_key, "EdDSA", headers={"kid": EDDSA.kid})
    assert refused(assertion) == "type"


def test_a_refresh_token_is_no_access_token() -> None:
    token = RefreshToken(family_id=SESSION, generation=0, secret=b"s" * 32)
    assert refused(encode(token, key_number=0, key=b"k" * 32)) == "malformed"


# Attacks on the key set


@pytest.mark.parametrize(
    "change",
    [
        {"use": "enc"},
        {"use": None},
        {"key_ops": ["sign"]},
        {"key_ops": []},
        {"key_ops": "verify"},
        {"alg": "HS256"},
        {"alg": "ES256"},
        {"alg": None},
        {"kty": "oct", "k": "c2VjcmV0"},
        {"kty": "EC"},
        {"kty": ["OKP"]},
        {"crv": "Ed448"},
        {"crv": "X25519"},
        {"crv": {}},
        {"x": None},
        {"x": ""},
        {"x": EDDSA.public.jwk()["x"] + "="},
        {"x": EDDSA.public.jwk()["x"][:-1]},
        {"x": "é" * 43},
    ],
)
def test_a_key_not_meant_for_this_verifies_nothing(change: dict[str, object]) -> None:
    assert refused(made(), {"keys": [{**EDDSA.public.jwk(), **change}]}) == "unusable_key"


def test_a_key_may_say_that_it_verifies() -> None:
    jwk = {**EDDSA.public.jwk(), "key_ops": ["verify"]}
    del jwk["use"], jwk["alg"]
    assert verified(made(), {"keys": [jwk]}) == CLAIMS


def test_a_key_on_another_curve_is_refused() -> None:
    private = ec.generate_private_key(ec.SECP384R1())
    jwk = {**ECAlgorithm.to_jwk(private.public_key(), as_dict=True), "kid": "p384"}
    signed = part({"typ": "at+jwt", "alg": "ES256", "kid": "p384"}) + b"." + part(PAYLOAD)
    for algorithm in (ECAlgorithm(SHA256), ECAlgorithm(SHA384)):
        token = (signed + b"." + part(algorithm.sign(signed, private))).decode()
        assert refused(token, {"keys": [jwk]}) == "unusable_key"
        assert refused(token, {"keys": [{**jwk, "crv": "P-256"}]}) == "unusable_key"
    other = ed448.Ed448PrivateKey.generate()
    jwk = {**OKPAlgorithm.to_jwk(other.public_key(), as_dict=True), "kid": "ed448"}
    signed = part({"typ": "at+jwt", "alg": "EdDSA", "kid": "ed448"}) + b"." + part(PAYLOAD)
    token = (signed + b"." + part(other.sign(signed))).decode()
    assert refused(token, {"keys": [jwk]}) == "unusable_key"
    assert refused(token, {"keys": [{**jwk, "crv": "Ed25519"}]}) == "unusable_key"


def test_a_point_that_is_not_on_the_curve_is_refused() -> None:
    jwk = {**ES256.public.jwk(), "y": ES256.public.jwk()["x"]}
    assert refused(made(ES256), {"keys": [jwk]}) == "unusable_key"


@pytest.mark.parametrize("name", ["x", "y"])
def test_a_coordinate_has_32_bytes(name: str) -> None:
    jwk = ES256.public.jwk()
    longer = part(b"\0" + decode_base64url(jwk[name])).decode()
    assert refused(made(ES256), {"keys": [{**jwk, name: longer}]}) == "unusable_key"


@pytest.mark.parametrize("crv", ["P-384", "secp256k1", "p-256", None])
def test_an_elliptic_key_names_its_curve(crv: str | None) -> None:
    assert refused(made(ES256), {"keys": [{**ES256.public.jwk(), "crv": crv}]}) == "unusable_key"


def test_a_short_rsa_key_is_refused() -> None:
    private = SigningKey.of(rsa.generate_private_key(public_exponent=65537, key_size=1024))  # noqa: S505 - the point
    assert refused(made(private), {"keys": [private.public.jwk()]}) == "unusable_key"


def test_two_keys_of_one_kid_are_not_chosen_from() -> None:
    jwk = EDDSA.public.jwk()
    assert (
        refused(made(), {"keys": [jwk, {**STRANGER[SigningAlgorithm.EDDSA].public.jwk(), "kid": jwk["kid"]}]})
        == "unknown_key"
    )


@pytest.mark.parametrize(
    "jwks",
    [{}, {"keys": None}, {"keys": {}}, {"keys": [None, 1, "key", []]}, {"keys": []}, EDDSA.public.jwk()],
    ids=["empty", "null", "an object", "no objects", "no keys", "a bare key"],
)
def test_a_key_set_without_keys_verifies_nothing(jwks: dict[str, object]) -> None:
    assert refused(made(), jwks) == "unknown_key"


@pytest.mark.parametrize("jwks", [None, [], "keys", 1])
def test_what_is_no_key_set_verifies_nothing(jwks: Any) -> None:
    assert refused(made(), jwks) == "unknown_key"


# Attacks on the spelling


@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize("trick", ["=", "==", " ", "\n", "\t", "\0", "é", "+", "/", "%3D"])
@each_algorithm
def test_a_part_has_one_spelling(key: SigningKey, place: int, trick: str) -> None:
    parts = made(key).split(".")
    for changed in (parts[place] + trick, trick + parts[place]):
        assert refused(".".join((*parts[:place], changed, *parts[place + 1 :]))) == "malformed"


def test_bits_left_over_must_be_zero() -> None:
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    token = made()  # 64 bytes of signature leave four bits over
    for step in range(1, 16):
        last = alphabet[alphabet.index(token[-1]) + step]
        assert refused(token[:-1] + last) == "malformed"


def test_the_standard_alphabet_is_refused() -> None:
    payload = part({**PAYLOAD, "email": "ÿÿÿ>>>???"})
    standard = payload.replace(b"_", b"/").replace(b"-", b"+")
    assert standard != payload
    signed = made().encode().partition(b".")[0] + b"." + standard
    assert refused((signed + b"." + part(EDDSA.sign(signed))).decode()) == "malformed"


@pytest.mark.parametrize(
    "token",
    [
        None,
        1,
        1.5,
        b"",
        made().encode(),
        [made()],
        {"token": made()},
        object(),
        "",
        ".",
        "..",
        "...",
        "a.b",
        "a.b.c",
        made() + ".",
        made() + "." + made(),
        "." + made(),
        made().replace(".", ""),
        "Bearer " + made(),
        made() + "\n",
        " " + made(),
        "\ud800" * 3,
        "\0",
        "é" * 100,
        "." * MAXIMUM_LENGTH,
    ],
    ids=lambda value: ascii(value)[:20],
)
def test_what_is_no_token_is_refused(token: object) -> None:
    assert refused(token) == "malformed"


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"null", b"1", b'"x"', b"{", b"{}{}", b"\xff", b'{"a":NaN}', b"[" * 5000]
)
def test_a_part_that_is_no_json_object_is_refused(data: bytes) -> None:
    assert refused(made(payload=data)) == "malformed"
    signed = part(data) + b"." + part(PAYLOAD)
    assert refused((signed + b"." + part(EDDSA.sign(signed))).decode()) == "malformed"


def test_a_token_that_is_too_long_is_refused_unread() -> None:
    room = (MAXIMUM_LENGTH - len(made(payload={"padding": ""}))) * 3 // 4
    longest = made(payload={"padding": "x" * room})
    assert MAXIMUM_LENGTH - 2 <= len(longest) <= MAXIMUM_LENGTH
    assert verified(longest).extra["padding"] == "x" * room
    assert refused(made(payload={"padding": "x" * (room + 3)})) == "malformed"


def test_an_es256_signature_in_der_is_refused() -> None:
    signed, _, _ = made(ES256).rpartition(".")
    private = ES256.private_key
    assert isinstance(private, ec.EllipticCurvePrivateKey)
    der = private.sign(signed.encode(), ec.ECDSA(SHA256()))
    r, s = decode_dss_signature(der)
    assert verified(f"{signed}.{part(r.to_bytes(32, 'big') + s.to_bytes(32, 'big')).decode()}") == CLAIMS
    assert refused(f"{signed}.{part(der).decode()}") == "signature"
    assert refused(f"{signed}.{part(bytes(64)).decode()}") == "signature"


def test_an_eddsa_signature_with_a_scalar_out_of_range_is_refused() -> None:
    signed, _, signature = made().rpartition(".")
    assert isinstance(EDDSA.private_key, ed25519.Ed25519PrivateKey)
    raw = EDDSA.private_key.sign(signed.encode())
    order = 2**252 + 27742317777372353535851937790883648493
    again = raw[:32] + (int.from_bytes(raw[32:], "little") + order).to_bytes(32, "little")
    assert part(raw).decode() == signature
    assert refused(f"{signed}.{part(again).decode()}") == "signature"


@each_algorithm
def test_the_parts_of_two_tokens_do_not_mix(key: SigningKey) -> None:
    one, other = made(key).split("."), made(key, payload={"sub": "grace"}).split(".")
    assert refused(".".join((one[0], other[1], one[2]))) == "signature"
    assert refused(".".join((one[0], one[1], ""))) == "signature"


@each_algorithm
@given(st.data())
def test_a_token_with_one_character_changed_is_refused(key: SigningKey, data: st.DataObject) -> None:
    token = TOKENS[key.algorithm]
    place = data.draw(st.integers(0, len(token) - 1))
    character = data.draw(st.characters().filter(lambda one: one != token[place]))
    assert refused(token[:place] + character + token[place + 1 :])
    assert refused(token[:place] + token[place + 1 :])
    assert refused(token[:place] + character + token[place:])


@given(st.one_of(st.text(), st.binary(), st.none(), st.integers(), st.lists(st.text())))
def test_nothing_but_the_one_error_comes_of_any_input(token: object) -> None:
    assert refused(token) == "malformed"


json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**63), 2**63), st.floats(), st.text(max_size=5)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)


@given(st.sampled_from(sorted(PAYLOAD)), json_values)
def test_a_signed_claim_of_any_value_is_read_or_refused(name: str, value: object) -> None:
    token = made(payload={name: value})
    try:
        claims = verified(token)
    except AccessTokenError as error:
        assert error.reason not in ("malformed", "signature")  # noqa: PT017 - either end is right
    else:
        assert claims.session_id == SESSION


@given(st.sampled_from(("alg", "kid", "typ", "crit")), json_values)
def test_a_signed_header_of_any_value_is_refused(name: str, value: object) -> None:
    assert refused(made(header={name: value})) in ("type", "algorithm", "unknown_key", "critical_header")


@given(json_values, st.sampled_from(sorted(EDDSA.public.jwk())))
def test_a_key_set_of_any_value_brings_no_other_error(value: Any, name: str) -> None:
    for jwks in (value, {"keys": value}, {"keys": [value]}, {"keys": [{**EDDSA.public.jwk(), name: value}]}):
        assert refused(made(), jwks) in ("unknown_key", "unusable_key")


# Attacks on the claims


@pytest.mark.parametrize("name", ["iss", "aud", "sub", "iat", "nbf", "exp", "jti", "sid", "client_id"])
def test_a_claim_must_be_there(name: str) -> None:
    assert refused(made(payload={name: REMOVED})) in ("claims", "issuer", "audience")


@pytest.mark.parametrize("name", ["iss", "aud", "sub", "iat", "nbf", "exp", "jti", "sid", "client_id"])
@pytest.mark.parametrize(
    "value", ["null", '""', "[]", "{}", "true", "1.5", "-1", str(2**62), str(2**70), "1e300", "1e400"]
)
def test_a_claim_must_be_of_its_kind(name: str, value: str) -> None:
    payload = orjson.dumps({**PAYLOAD, name: "@"}).replace(b'"@"', value.encode())
    assert refused(made(payload=payload)) in ("claims", "audience", "malformed")


@pytest.mark.parametrize("name", ["iat", "nbf", "exp"])
@pytest.mark.parametrize("value", [True, str(SECOND), float(SECOND), [SECOND]])
def test_a_time_is_an_integer(name: str, value: object) -> None:
    assert refused(made(payload={name: value})) == "claims"


@pytest.mark.parametrize("scope", [None, 1, ["audit:read"], {}])
def test_the_scope_is_a_string(scope: object) -> None:
    assert refused(made(payload={"scope": scope})) == "claims"


@pytest.mark.parametrize(
    "sid", [str(SESSION).upper(), f"{{{SESSION}}}", SESSION.hex, f"urn:uuid:{SESSION}", "1"]
)
def test_the_session_id_has_one_spelling(sid: str) -> None:
    assert refused(made(payload={"sid": sid})) == "claims"


@pytest.mark.parametrize("iss", [ISSUER + "/", ISSUER.upper(), "https://attacker.example"])
def test_another_issuer_is_refused(iss: str) -> None:
    assert refused(made(payload={"iss": iss})) == "issuer"


@pytest.mark.parametrize(
    ("aud", "reason"),
    [
        (ISSUER, "audience"),
        (AUDIENCE + "/", "audience"),
        (AUDIENCE[:-1], "audience"),
        ([], "audience"),
        (["https://other.example"], "audience"),
        ([[AUDIENCE]], "claims"),
        ([AUDIENCE, 1], "claims"),
        ({AUDIENCE: 1}, "claims"),
    ],
    ids=str,
)
def test_another_audience_is_refused(aud: object, reason: str) -> None:
    assert refused(made(payload={"aud": aud})) == reason


def test_expiry_is_exclusive_and_has_no_leeway() -> None:
    token, expiry = made(), NOW + timedelta(minutes=15)
    assert verified(token, now=expiry - timedelta(microseconds=1)) == CLAIMS
    assert refused(token, now=expiry) == "expired"
    assert refused(token, now=expiry + timedelta(days=365)) == "expired"


@pytest.mark.parametrize("name", ["iat", "nbf"])
def test_a_token_of_the_future_is_refused_beyond_a_small_leeway(name: str) -> None:
    leeway = int(CLOCK_LEEWAY.total_seconds())
    assert verified(made(payload={name: SECOND + leeway})).subject == "ada"
    token = made(payload={name: SECOND + leeway + 1})
    assert refused(token) == "not_yet_valid"
    given_more = verify_access_token(
        token, JWKS, issuer=ISSUER, audience=AUDIENCE, now=NOW, leeway=CLOCK_LEEWAY + timedelta(seconds=1)
    )
    assert given_more.subject == "ada"
