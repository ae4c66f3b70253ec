"""Rings of keys: which key makes, which recognise, and what the world is shown."""

from __future__ import annotations

import hashlib
import json
from base64 import urlsafe_b64encode
from datetime import UTC, datetime, timedelta

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from ledger.key_ring import KeyRings, MacKeyRing, PublishedKey, SigningKeyRing
from ledger.signing_algorithm import SigningAlgorithm, SigningKey, verification_key
from tests.sealing import log_keys

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
LIFETIME = timedelta(minutes=15)
KEYS = {algorithm: SigningKey.generate(algorithm) for algorithm in SigningAlgorithm}
PUBLIC_MEMBERS = {
    SigningAlgorithm.EDDSA: {"kty", "crv", "x"},
    SigningAlgorithm.ES256: {"kty", "crv", "x", "y"},
    SigningAlgorithm.RS256: {"kty", "n", "e"},
}


def ring(*retired: tuple[SigningKey, datetime | None]) -> SigningKeyRing:
    """A ring whose current key is the EdDSA one, with others that retired at a time (None: never)."""
    current = KEYS[SigningAlgorithm.EDDSA]
    return SigningKeyRing(
        current=current,
        published={
            key.kid: PublishedKey(key=key.public, retiring_at=retiring_at)
            for key, retiring_at in ((current, None), *retired)
        },
    )


@pytest.mark.parametrize("algorithm", SigningAlgorithm)
def test_the_jwks_holds_public_members_only(algorithm: SigningAlgorithm) -> None:
    shown = ring((KEYS[algorithm], None)).jwks(now=NOW, longest_lifetime=LIFETIME)["keys"]
    (jwk,) = (one for one in shown if one["kid"] == KEYS[algorithm].kid)
    assert set(jwk) == PUBLIC_MEMBERS[algorithm] | {"kid", "use", "alg"}
    assert (jwk["use"], jwk["alg"]) == ("sig", algorithm.value)


@pytest.mark.parametrize("algorithm", SigningAlgorithm)
def test_the_jwk_of_a_key_verifies_what_it_signed_for_others_too(algorithm: SigningAlgorithm) -> None:
    key = KEYS[algorithm]
    jwk = key.public.jwk()
    token = jwt.encode({"sub": "ada"}, key.private_key, algorithm.value)
    assert jwt.decode(token, jwt.PyJWK(jwk), [algorithm.value]) == {"sub": "ada"}
    assert verification_key(jwk) == key.public


@pytest.mark.parametrize("algorithm", SigningAlgorithm)
def test_a_kid_is_the_thumbprint_of_the_public_key(algorithm: SigningAlgorithm) -> None:
    jwk = KEYS[algorithm].public.jwk()
    members = {name: jwk[name] for name in sorted(PUBLIC_MEMBERS[algorithm])}
    digest = hashlib.sha256(json.dumps(members, separators=(",", ":")).encode()).digest()
    assert jwk["kid"] == urlsafe_b64encode(digest).rstrip(b"=").decode()


def test_the_thumbprint_is_the_one_of_rfc_8037() -> None:
    # RFC 8037 appendix A.1 to A.3
    secret = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
    key = SigningKey.of(Ed25519PrivateKey.from_private_bytes(secret))
    assert key.public.jwk()["x"] == "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
    assert key.kid == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


@pytest.mark.parametrize("algorithm", SigningAlgorithm)
def test_a_private_key_survives_the_round_trip(algorithm: SigningAlgorithm) -> None:
    key = KEYS[algorithm]
    again = SigningKey.decode(key.encode())
    assert again.public == key.public
    assert key.public.verifies(b"message", again.sign(b"message"))


def test_keys_of_other_curves_sign_nothing_here() -> None:
    with pytest.raises(ValueError, match="not a curve"):
        SigningKey.of(ec.generate_private_key(ec.SECP384R1()))
    other = ed448.Ed448PrivateKey.generate()
    with pytest.raises(ValueError, match="not a private key"):
        SigningKey.decode(other.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()))


def test_a_retiring_key_verifies_and_is_shown_until_the_last_token_it_signed_has_expired() -> None:
    retired = KEYS[SigningAlgorithm.ES256]
    keys = ring((retired, NOW))
    last_moment, over = NOW + LIFETIME - timedelta(microseconds=1), NOW + LIFETIME

    def shown(now: datetime) -> set[str]:
        return {key["kid"] for key in keys.jwks(now=now, longest_lifetime=LIFETIME)["keys"]}

    assert shown(last_moment) == {keys.current.kid, retired.kid}
    assert shown(over) == {keys.current.kid}
    found = keys.verification_key(retired.kid, now=last_moment, longest_lifetime=LIFETIME)
    assert found == retired.public
    assert keys.verification_key(retired.kid, now=over, longest_lifetime=LIFETIME) is None


def test_an_unknown_kid_finds_no_key() -> None:
    assert ring().verification_key("other", now=NOW, longest_lifetime=LIFETIME) is None


def test_a_mac_ring_makes_with_the_current_key_and_finds_the_others_by_number() -> None:
    macs = MacKeyRing(current_number=4, keys={3: b"a" * 32, 4: b"b" * 32, 5: b"c" * 32})
    assert macs.current == b"b" * 32
    assert [macs.key(number) for number in (3, 4, 5, 6)] == [b"a" * 32, b"b" * 32, b"c" * 32, None]


def test_printed_rings_show_no_secret() -> None:
    secret = b"never-to-be-shown-never-to-be-sh"
    macs = MacKeyRing(current_number=0, keys={0: secret})
    shown = repr(KeyRings(access=ring(), refresh=macs, log=log_keys(), fingerprint=secret, cursor=secret))
    assert "never-to-be" not in shown
    assert "private" not in shown.lower()
