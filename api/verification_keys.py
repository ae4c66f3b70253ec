"""Public keys of trusted issuers and the algorithms each may be used with."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from jwt import PyJWK, PyJWTError

ALGORITHMS = frozenset(
    {"EdDSA", "ES256", "ES384", "ES512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}
)
"""Those of RFC 7518 and RFC 8037 that verify with a public key."""

KINDS_OF_KEYS = "Ed25519, P-256, P-384, P-521, or RSA from 2048 bits"

_OF_CURVE = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}
_OF_RSA = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"})

PublicKey = Ed25519PublicKey | EllipticCurvePublicKey | RSAPublicKey


@dataclass(frozen=True, slots=True, kw_only=True)
class VerificationKey:
    """A key and what it may verify; a token's header chooses among these and nothing else."""

    key_id: str | None
    """None: it was given without one, and fits a token with any."""
    algorithms: frozenset[str]
    public_key: PublicKey


def choose_key(
    keys: Iterable[VerificationKey], *, key_id: str | None, algorithm: str
) -> VerificationKey | None:
    """The one key that fits; None: there is none, or a token without `kid` leaves a choice."""
    fitting = [
        key
        for key in keys
        if algorithm in key.algorithms and (key_id is None or key.key_id is None or key.key_id == key_id)
    ]
    return fitting[0] if len(fitting) == 1 else None


def keys_of_jwks(document: object, *, algorithms: frozenset[str] = ALGORITHMS) -> tuple[VerificationKey, ...]:
    """The keys of a set (RFC 7517 section 5) that verify with one of `algorithms`.

    Others are passed over as the RFC says: for encryption, of unknown type, damaged, too short; and those
    that should not be in a public set at all, private and symmetric ones.

    Raises:
        ValueError: it is no set, or no key is left.
    """
    match document:
        case {"keys": list() as members}:
            found = (_key_of_jwk(member, algorithms) for member in members)
        case _:
            raise ValueError('must hold a JSON Web Key Set: {"keys": [...]}')
    keys = tuple(key for key in found if key is not None)
    if not keys:
        raise ValueError(f"must hold a public signing key ({KINDS_OF_KEYS}) that fits the algorithms")
    return keys


def key_of_pem(text: str, *, algorithms: frozenset[str] = ALGORITHMS) -> VerificationKey:
    """The public key of a PEM text, without a key id.

    Raises:
        ValueError: it holds none, one of another kind, or one that fits none of `algorithms`.
    """
    try:
        public_key = load_pem_public_key(text.encode())
    except (ValueError, UnsupportedAlgorithm):
        raise ValueError("must be a public key in PEM: -----BEGIN PUBLIC KEY-----") from None
    if not isinstance(public_key, PublicKey) or not (fitting := _algorithms_of(public_key)):
        raise ValueError(f"must be a key of these kinds: {KINDS_OF_KEYS}")
    if not fitting & algorithms:
        raise ValueError(f"must fit the algorithms; this key verifies {', '.join(sorted(fitting))}")
    return VerificationKey(key_id=None, algorithms=fitting & algorithms, public_key=public_key)


def _key_of_jwk(member: object, algorithms: frozenset[str]) -> VerificationKey | None:
    if not isinstance(member, dict) or member.get("use", "sig") != "sig":
        return None
    operations, key_id, algorithm = member.get("key_ops", ["verify"]), member.get("kid"), member.get("alg")
    if not isinstance(operations, list) or "verify" not in operations:
        return None
    if not isinstance(key_id, str | None):
        return None
    if not isinstance(algorithm, str | None) or (algorithm is not None and algorithm not in algorithms):
        return None
    try:
        public_key = PyJWK(member).key
    except (PyJWTError, UnsupportedAlgorithm, ValueError, TypeError, KeyError, AttributeError):
        return None
    if not isinstance(public_key, PublicKey):
        return None
    fitting = _algorithms_of(public_key) & algorithms
    if algorithm is not None:
        fitting &= {algorithm}
    if not fitting:
        return None
    return VerificationKey(key_id=key_id, algorithms=fitting, public_key=public_key)


def _algorithms_of(public_key: PublicKey) -> frozenset[str]:
    match public_key:
        case Ed25519PublicKey():
            return frozenset({"EdDSA"})
        case RSAPublicKey():
            return _OF_RSA if public_key.key_size >= 2048 else frozenset()
        case EllipticCurvePublicKey():
            algorithm = _OF_CURVE.get(public_key.curve.name)
            return frozenset() if algorithm is None else frozenset({algorithm})
