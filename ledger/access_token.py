"""Access tokens: JWTs of the type `at+jwt` (RFC 9068), signed for a session and verified in one place.

Faults of a token are one error, `AccessTokenError`, whose `reason` is a word of a closed list.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from uuid import UUID

import orjson

from ledger.canonical import Json
from ledger.signing_algorithm import (
    JwkError,
    SigningKey,
    VerificationKey,
    decode_base64url,
    encode_base64url,
    verification_key,
)

MAXIMUM_LENGTH = 16_384
CLOCK_LEEWAY = timedelta(seconds=10)

# Never taken from a session's claims. `cnf` would bind the token to a key (RFC 9449 section 6.1).
RESERVED_CLAIMS = frozenset(
    ("iss", "aud", "sub", "iat", "nbf", "exp", "jti", "sid", "client_id", "scope", "cnf")
)

AccessTokenFault = Literal[
    "malformed",
    "critical_header",
    "type",
    "unknown_key",
    "unusable_key",
    "algorithm",
    "signature",
    "claims",
    "issuer",
    "audience",
    "expired",
    "not_yet_valid",
]

_TYPE = "at+jwt"
_TYPES = (_TYPE, "application/at+jwt")  # RFC 9068 section 4
_LAST_SECOND = 253_402_300_799  # of the year 9999, the last that a datetime holds


class AccessTokenError(Exception):
    """A token is not a valid access token; neither the message nor `reason` repeats anything of it."""

    def __init__(self, reason: AccessTokenFault, message: str) -> None:
        super().__init__(message)
        self.reason: AccessTokenFault = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """What a valid access token says."""

    subject: str
    session_id: UUID | None
    """None for a token that a client got for itself (RFC 6749 section 4.4): then `subject` is `client_id`."""
    client_id: str
    scopes: frozenset[str]
    issued_at: datetime
    expires_at: datetime
    """Exclusive."""
    jwt_id: str
    extra: Mapping[str, Json]
    """The session's own claims, such as `email` or `role`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessTokenIssuer:
    """Signs access tokens with one key."""

    key: SigningKey
    issuer: str
    audience: str
    _header: bytes = field(init=False, repr=False)

    def __post_init__(self) -> None:
        header = {"alg": self.key.algorithm.value, "kid": self.key.kid, "typ": _TYPE}
        object.__setattr__(self, "_header", encode_base64url(orjson.dumps(header)))

    def sign(
        self,
        *,
        subject: str,
        session_id: UUID | None,
        client_id: str,
        scopes: Iterable[str],
        issued_at: datetime,
        expires_at: datetime,
        jwt_id: str,
        extra: Mapping[str, Json],
    ) -> str:
        """Sign a token. Times lose their fraction of a second, so that it never outlives `expires_at`.

        Without scopes there is no `scope` claim: RFC 6749 section 3.3 has no empty one. What `extra` holds of
        `RESERVED_CLAIMS` is left out.

        Raises:
            ValueError: no session, and a subject other than the client.
        """
        if session_id is None and subject != client_id:
            raise ValueError("an access token without a session speaks for its client only")
        second = int(issued_at.timestamp())
        claims: dict[str, Json] = {
            "iss": self.issuer,
            "aud": self.audience,
            "sub": subject,
            "iat": second,
            "nbf": second,
            "exp": int(expires_at.timestamp()),
            "jti": jwt_id,
            "client_id": client_id,
        }
        if session_id is not None:
            claims["sid"] = str(session_id)
        scope = " ".join(sorted(scopes))
        if scope:
            claims["scope"] = scope
        claims.update((name, value) for name, value in extra.items() if name not in RESERVED_CLAIMS)
        signed = self._header + b"." + encode_base64url(orjson.dumps(claims))
        return (signed + b"." + encode_base64url(self.key.sign(signed))).decode("ascii")


def verify_access_token(
    token: object,
    jwks: Mapping[str, object],
    *,
    issuer: str,
    audience: str,
    now: datetime | None = None,
    leeway: timedelta = CLOCK_LEEWAY,
) -> Claims:
    """Verify a token with a JWK set (RFC 7517 section 5), at `now` or by this machine's clock.

    `leeway` is how far the issuer's clock may be ahead of it; expiry has none.

    Raises:
        AccessTokenError: the token is not valid, whatever was given in its place.
    """
    return verify_with_keys(
        token,
        lambda kid: _key_of(jwks, kid),
        issuer=issuer,
        audience=audience,
        now=datetime.now(UTC) if now is None else now,
        leeway=leeway,
    )


def verify_with_keys(
    token: object,
    find_key: Callable[[str], VerificationKey | None],
    *,
    issuer: str,
    audience: str,
    now: datetime,
    leeway: timedelta = CLOCK_LEEWAY,
) -> Claims:
    """Verify a token with keys that are parsed already; `find_key` answers a `kid`, None when unknown.

    Raises:
        AccessTokenError: the token is not valid, whatever was given in its place.
    """
    header, signed, payload, signature = _split(token)
    # What a header says of its own keys (jku, jwk, x5u, x5c) is never read.
    if "crit" in header:
        raise AccessTokenError("critical_header", "No critical header parameter is understood")
    typ = header.get("typ")
    if not isinstance(typ, str) or typ.lower() not in _TYPES:
        raise AccessTokenError("type", "The token is not of the type at+jwt")
    kid = header.get("kid")
    key = find_key(kid) if isinstance(kid, str) else None
    if key is None:
        raise AccessTokenError("unknown_key", "The token names no key of this issuer")
    if header.get("alg") != key.algorithm.value:
        raise AccessTokenError("algorithm", "The token names another algorithm than its key has")
    if not key.verifies(signed, signature):
        raise AccessTokenError("signature", "The signature is not of this token")
    return _claims(_json_object(payload), issuer=issuer, audience=audience, now=now, leeway=leeway)


def _split(token: object) -> tuple[dict[str, Any], bytes, bytes, bytes]:
    if not isinstance(token, str) or len(token) > MAXIMUM_LENGTH or not token.isascii():
        raise AccessTokenError("malformed", f"Not a JWT of at most {MAXIMUM_LENGTH} ASCII characters")
    parts = token.split(".")
    if len(parts) != 3:
        raise AccessTokenError("malformed", "Not the three parts of a JWT")
    try:
        header, payload, signature = (decode_base64url(part) for part in parts)
    except ValueError as error:
        raise AccessTokenError("malformed", "A part of the token is not base64url") from error
    return _json_object(header), token.rpartition(".")[0].encode(), payload, signature


def _json_object(data: bytes) -> dict[str, Any]:
    try:
        value = orjson.loads(data)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise AccessTokenError("malformed", "A part of the token is not a JSON object")
    return value


def _key_of(jwks: Mapping[str, object], kid: str) -> VerificationKey | None:
    keys = jwks.get("keys") if isinstance(jwks, Mapping) else None
    named = (
        [key for key in keys if isinstance(key, Mapping) and key.get("kid") == kid]
        if isinstance(keys, list)
        else []
    )
    if len(named) != 1:
        return None
    try:
        return verification_key(named[0])
    except JwkError as error:
        raise AccessTokenError("unusable_key", f"The key set is not for verifying: {error}") from error


def _claims(
    claims: dict[str, Any], *, issuer: str, audience: str, now: datetime, leeway: timedelta
) -> Claims:
    if _text(claims, "iss") != issuer:
        raise AccessTokenError("issuer", "The token is of another issuer")
    if audience not in _audiences(claims):
        raise AccessTokenError("audience", "The token is for another audience")
    issued_at, not_before, expires_at = (_time(claims, name) for name in ("iat", "nbf", "exp"))
    if now >= expires_at:
        raise AccessTokenError("expired", "The token has expired")
    if max(issued_at, not_before) > now + leeway:
        raise AccessTokenError("not_yet_valid", "The token is not valid yet")
    subject, client_id = _text(claims, "sub"), _text(claims, "client_id")
    return Claims(
        subject=subject,
        session_id=None if "sid" not in claims and subject == client_id else _uuid(claims, "sid"),
        client_id=client_id,
        scopes=_scopes(claims),
        issued_at=issued_at,
        expires_at=expires_at,
        jwt_id=_text(claims, "jti"),
        extra={name: value for name, value in claims.items() if name not in RESERVED_CLAIMS},
    )


def _bad(name: str) -> AccessTokenError:
    return AccessTokenError("claims", f"The claim {name} is missing or not of its kind")


def _text(claims: dict[str, Any], name: str) -> str:
    value = claims.get(name)
    if not isinstance(value, str) or not value:
        raise _bad(name)
    return value


def _time(claims: dict[str, Any], name: str) -> datetime:
    value = claims.get(name)
    if type(value) is not int or not 0 <= value <= _LAST_SECOND:  # a bool is an int to isinstance
        raise _bad(name)
    return datetime.fromtimestamp(value, UTC)


def _uuid(claims: dict[str, Any], name: str) -> UUID:
    text = _text(claims, name)
    try:
        value = UUID(text)
    except ValueError:
        raise _bad(name) from None
    if str(value) != text:
        raise _bad(name)
    return value


def _audiences(claims: dict[str, Any]) -> list[str]:
    value = claims.get("aud")
    audiences = [value] if isinstance(value, str) else value
    if not isinstance(audiences, list) or not all(isinstance(one, str) for one in audiences):
        raise _bad("aud")
    return audiences


def _scopes(claims: dict[str, Any]) -> frozenset[str]:
    value = claims.get("scope", "")
    if not isinstance(value, str):
        raise _bad("scope")
    return frozenset(value.split())
