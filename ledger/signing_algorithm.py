"""The three algorithms that sign access tokens, their keys, and the public form of these (RFC 7517)."""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any, assert_never

import orjson
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
    EllipticCurvePublicNumbers,
)
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as generate_ec_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey, RSAPublicNumbers
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key as generate_rsa_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)
from jwt.algorithms import Algorithm, ECAlgorithm, OKPAlgorithm, RSAAlgorithm

PrivateKey = Ed25519PrivateKey | EllipticCurvePrivateKey | RSAPrivateKey
PublicKey = Ed25519PublicKey | EllipticCurvePublicKey | RSAPublicKey

_COORDINATE_LENGTH = 32
_RSA_BITS = 2048  # the least that RFC 7518 section 3.3 allows: signing time grows with the cube of it


class SigningAlgorithm(StrEnum):
    """By its JWA name (RFC 7518 section 3.1, RFC 8037 section 3.1)."""

    EDDSA = "EdDSA"
    ES256 = "ES256"
    RS256 = "RS256"


_ALGORITHMS: Mapping[SigningAlgorithm, Algorithm] = MappingProxyType(
    {
        SigningAlgorithm.EDDSA: OKPAlgorithm(),
        SigningAlgorithm.ES256: ECAlgorithm(ECAlgorithm.SHA256, SECP256R1),
        SigningAlgorithm.RS256: RSAAlgorithm(RSAAlgorithm.SHA256),
    }
)

# All that is public of a key, in the order of its thumbprint (RFC 7638 section 3.2, RFC 8037 section 2).
_PUBLIC_MEMBERS: Mapping[SigningAlgorithm, tuple[str, ...]] = MappingProxyType(
    {
        SigningAlgorithm.EDDSA: ("crv", "kty", "x"),
        SigningAlgorithm.ES256: ("crv", "kty", "x", "y"),
        SigningAlgorithm.RS256: ("e", "kty", "n"),
    }
)


class JwkError(ValueError):
    """A JWK is no public key for one of the three algorithms."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VerificationKey:
    """A public key. Its algorithm follows from the kind of key, never from a token."""

    kid: str
    algorithm: SigningAlgorithm
    public_key: PublicKey

    def verifies(self, message: bytes, signature: bytes) -> bool:
        return _ALGORITHMS[self.algorithm].verify(message, self.public_key, signature)

    def jwk(self) -> dict[str, str]:
        """As published: public members, `kid`, `use` and `alg`."""
        members = _public_members(self.algorithm, self.public_key)
        return {**members, "kid": self.kid, "use": "sig", "alg": self.algorithm.value}


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKey:
    """A private key, with the public one that belongs to it. `repr` shows the public one only."""

    private_key: PrivateKey = field(repr=False)
    public: VerificationKey

    @property
    def kid(self) -> str:
        """The thumbprint of the public key (RFC 7638)."""
        return self.public.kid

    @property
    def algorithm(self) -> SigningAlgorithm:
        return self.public.algorithm

    def sign(self, message: bytes) -> bytes:
        """The signature in the form that JWS wants (RFC 7518 section 3)."""
        return _ALGORITHMS[self.algorithm].sign(message, self.private_key)

    def encode(self) -> bytes:
        """PKCS #8, DER, not encrypted."""
        return self.private_key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())

    @classmethod
    def decode(cls, data: bytes) -> SigningKey:
        """The inverse of `encode`.

        Raises:
            ValueError: not a private key for one of the three algorithms.
        """
        private_key = load_der_private_key(data, password=None)
        if not isinstance(private_key, PrivateKey):
            raise ValueError("not a private key that signs access tokens")  # noqa: TRY004 - see Raises
        return cls.of(private_key)

    @classmethod
    def of(cls, private_key: PrivateKey) -> SigningKey:
        """The key with its `kid` and algorithm.

        Raises:
            ValueError: an elliptic curve other than P-256.
        """
        algorithm = _algorithm_of(private_key)
        public_key = private_key.public_key()
        kid = _thumbprint(_public_members(algorithm, public_key))
        public = VerificationKey(kid=kid, algorithm=algorithm, public_key=public_key)
        return cls(private_key=private_key, public=public)

    @classmethod
    def generate(cls, algorithm: SigningAlgorithm) -> SigningKey:
        """A new key; an RSA key takes a tenth of a second and more."""
        match algorithm:
            case SigningAlgorithm.EDDSA:
                return cls.of(Ed25519PrivateKey.generate())
            case SigningAlgorithm.ES256:
                return cls.of(generate_ec_key(SECP256R1()))
            case SigningAlgorithm.RS256:
                return cls.of(generate_rsa_key(public_exponent=65537, key_size=_RSA_BITS))
            case _:
                assert_never(algorithm)


def verification_key(jwk: Mapping[str, object]) -> VerificationKey:
    """Read a public key from its JWK; private members are ignored.

    Raises:
        JwkError: no `kid`; another type, curve or algorithm; `use` or `key_ops` speak against verifying
            (RFC 7517 sections 4.2 and 4.3); a member missing or not in its one spelling; RSA below 2048 bits.
    """
    kid = jwk.get("kid")
    if not isinstance(kid, str) or not kid:
        raise JwkError("the key has no kid")
    algorithm = _algorithm_of_jwk(jwk)
    if jwk.get("alg", algorithm.value) != algorithm.value:
        raise JwkError("the key is meant for another algorithm")
    if jwk.get("use", "sig") != "sig":
        raise JwkError("the key is not meant for signatures")
    operations = jwk.get("key_ops", ["verify"])
    if not isinstance(operations, list) or "verify" not in operations:
        raise JwkError("the key is not meant for verifying")
    try:
        public_key = _public_key(algorithm, jwk)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise JwkError("the key's members are not a public key") from error
    return VerificationKey(kid=kid, algorithm=algorithm, public_key=public_key)


def encode_base64url(data: bytes) -> bytes:
    """Base64url without padding (RFC 7515 section 2)."""
    return urlsafe_b64encode(data).rstrip(b"=")


def decode_base64url(text: str) -> bytes:
    """Read base64url without padding, in its one spelling.

    Raises:
        ValueError: padding, white space, another alphabet, or bits left over that are not zero.
    """
    data = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    # The decoder skips what is not of its alphabet; only the one spelling comes back the same.
    if encode_base64url(data) != text.encode():
        raise ValueError("not base64url in its one spelling")
    return data


def _algorithm_of(private_key: PrivateKey) -> SigningAlgorithm:
    match private_key:
        case Ed25519PrivateKey():
            return SigningAlgorithm.EDDSA
        case EllipticCurvePrivateKey(curve=SECP256R1()):
            return SigningAlgorithm.ES256
        case RSAPrivateKey():
            return SigningAlgorithm.RS256
        case _:
            raise ValueError("not a curve that signs access tokens")


def _algorithm_of_jwk(jwk: Mapping[str, object]) -> SigningAlgorithm:
    match jwk.get("kty"), jwk.get("crv"):
        case "OKP", "Ed25519":
            return SigningAlgorithm.EDDSA
        case "EC", "P-256":
            return SigningAlgorithm.ES256
        case "RSA", _:
            return SigningAlgorithm.RS256
        case _:
            raise JwkError("the key is of a type or curve that signs no access tokens")


def _public_key(algorithm: SigningAlgorithm, jwk: Mapping[str, object]) -> PublicKey:
    match algorithm:
        case SigningAlgorithm.EDDSA:
            return Ed25519PublicKey.from_public_bytes(_member(jwk, "x"))
        case SigningAlgorithm.ES256:
            x, y = _member(jwk, "x"), _member(jwk, "y")
            if len(x) != _COORDINATE_LENGTH or len(y) != _COORDINATE_LENGTH:
                raise ValueError("a coordinate of P-256 has 32 bytes")  # RFC 7518 section 6.2.1.2
            numbers = EllipticCurvePublicNumbers(_integer(x), _integer(y), SECP256R1())
            return numbers.public_key()
        case SigningAlgorithm.RS256:
            modulus, exponent = _integer(_member(jwk, "n")), _integer(_member(jwk, "e"))
            if modulus.bit_length() < _RSA_BITS:
                raise ValueError("an RSA key has 2048 bits at least")
            return RSAPublicNumbers(exponent, modulus).public_key()
        case _:
            assert_never(algorithm)


def _member(jwk: Mapping[str, object], name: str) -> bytes:
    value = jwk.get(name)
    if not isinstance(value, str):
        raise ValueError(f"{name} is missing")  # noqa: TRY004 - as any other fault of a JWK
    return decode_base64url(value)


def _integer(data: bytes) -> int:
    return int.from_bytes(data, "big")


def _public_members(algorithm: SigningAlgorithm, public_key: PublicKey) -> dict[str, str]:
    writer: Any = _ALGORITHMS[algorithm]
    jwk: dict[str, str] = writer.to_jwk(public_key, as_dict=True)
    return {name: jwk[name] for name in _PUBLIC_MEMBERS[algorithm]}


def _thumbprint(members: Mapping[str, str]) -> str:
    return encode_base64url(hashlib.sha256(orjson.dumps(members)).digest()).decode("ascii")
