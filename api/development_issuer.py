"""The issuer of development mode: signs and verifies with a key made from a secret of the deployment."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from api.settings import Settings
from api.trusted_issuers import DEVELOPMENT_ISSUER, RESERVED_CLAIMS, TrustedIssuer
from api.verification_keys import VerificationKey
from ledger.canonical import Json
from ledger.key_sealing import SecretKey

LIFETIME = timedelta(minutes=5)
DEVELOPMENT_SCOPES = frozenset({"audit:read", "sessions:admin", "sessions:issue", "subjects:erase"})
"""That its assertions may grant in development."""

_ALGORITHM = "EdDSA"


def development_secret(settings: Settings) -> bytes:
    """The secret of the issuer, which every process with the deployment's SECRET_KEY has."""
    return SecretKey.parse(settings.secret_key).derive("development issuer")


def development_issuer(
    secret: bytes, *, audience: str, scopes: frozenset[str] = frozenset()
) -> TrustedIssuer:
    """The issuer of what `sign_development_assertion` signs with the same secret; it copies every claim.

    Raises:
        ValueError: the secret is not 32 bytes.
    """
    public_key = Ed25519PrivateKey.from_private_bytes(secret).public_key()
    key = VerificationKey(key_id=None, algorithms=frozenset({_ALGORITHM}), public_key=public_key)
    return TrustedIssuer(
        issuer=DEVELOPMENT_ISSUER,
        audiences=frozenset({audience, DEVELOPMENT_ISSUER}),
        keys=(key,),
        claims=None,
        scopes=scopes,
    )


def sign_development_assertion(
    secret: bytes, *, subject: str, audience: str, claims: Mapping[str, Json], now: datetime, jti: str
) -> str:
    """Make an assertion of five minutes.

    Its audience is also the issuer's own name, so that a development server takes it whose ISSUER this
    process does not know. `claims` may hold `scope`, which grants what the issuer's entry allows.

    Raises:
        ValueError: a claim is reserved, or the secret is not 32 bytes.
    """
    reserved = sorted((claims.keys() & RESERVED_CLAIMS) - {"scope"})
    if reserved:
        raise ValueError(f"the claim {reserved[0]!r} is written by the service itself")
    issued_at = int(now.timestamp())
    payload = {
        **claims,
        "iss": DEVELOPMENT_ISSUER,
        "sub": subject,
        "aud": [audience, DEVELOPMENT_ISSUER],
        "iat": issued_at,
        "exp": issued_at + int(LIFETIME.total_seconds()),
        "jti": jti,
    }
    return jwt.encode(payload, Ed25519PrivateKey.from_private_bytes(secret), algorithm=_ALGORITHM)
