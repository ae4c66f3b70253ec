"""Login assertions: JWTs of trusted identity providers that open a session (RFC 7523 section 3)."""

from __future__ import annotations

import json
import re
import time
import unicodedata
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NoReturn, cast

from jwt import PyJWS, PyJWTError

from api.jwks_url import JwksUrlKeys, fetch_jwks
from api.trusted_issuers import RESERVED_CLAIMS, TrustedIssuer
from api.verification_keys import ALGORITHMS, VerificationKey, choose_key
from ledger.canonical import Json, canonical_json, require_canonical

LONGEST_ASSERTION = 16 * 1024
LONGEST_NAME = 255
"""Of `sub` and `jti`, in characters."""
LARGEST_CLAIMS = 4 * 1024
"""Of the copied claims together, in bytes of canonical JSON."""
LONGEST_LIFETIME = timedelta(minutes=5)
LEEWAY = timedelta(seconds=10)
"""How far the clock of an issuer may be off."""

_COMPACT = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)")


class AssertionRefusedError(Exception):
    """The assertion is not accepted; the message says why in one sentence and holds nothing of it."""

    def __init__(self, reason: str) -> None:
        """Make the sentence of its reason, a clause about "it"."""
        super().__init__(f"The assertion is refused: {reason}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedAssertion:
    """What a trusted issuer said of a subject."""

    issuer: str
    jwt_id: str
    """With the issuer: accepted once. That is the caller's to see to, until `expires_at`."""
    subject: str
    claims: dict[str, Json]
    """Those that the issuer's entry has copied."""
    scopes: frozenset[str]
    """What the assertion asks for and the issuer's entry allows."""
    expires_at: datetime
    """Exclusive, with the leeway: from then on the assertion is refused in any case."""


class AssertionVerifier:
    """Verifies assertions of a fixed list of issuers; keeps the keys that they publish at URLs."""

    def __init__(
        self,
        issuers: Iterable[TrustedIssuer],
        *,
        now: Callable[[], datetime],
        monotonic: Callable[[], float] = time.monotonic,
        fetch: Callable[[str], object] = fetch_jwks,
    ) -> None:
        """Fetches nothing yet. `now` gives aware UTC."""
        self._issuers = {issuer.issuer: issuer for issuer in issuers}
        self._published = {
            issuer.issuer: JwksUrlKeys(
                issuer.keys, algorithms=issuer.algorithms, monotonic=monotonic, fetch=fetch
            )
            for issuer in self._issuers.values()
            if isinstance(issuer.keys, str)
        }
        self._now = now
        self._jws = PyJWS(algorithms=sorted(ALGORITHMS))

    async def verify(self, assertion: str) -> VerifiedAssertion:
        """Accept an assertion or say why not. Reaches for the network only when an issuer's keys are needed.

        Raises:
            AssertionRefusedError: it is damaged, of an unknown issuer, not signed by it, not meant for this
                service, over, too long-lived, or says what may not be stored.
            IssuerUnavailableError: the keys of its issuer cannot be fetched now.
        """
        header, claims = _read(assertion)
        issuer = self._issuers.get(_name(claims, "iss"))
        if issuer is None:
            raise AssertionRefusedError("the issuer (iss) is not a trusted one")
        await self._check_signature(assertion, header, issuer)
        expires_at = _check_times(claims, self._now().timestamp())
        _check_audience(claims, issuer.audiences)
        return VerifiedAssertion(
            issuer=issuer.issuer,
            jwt_id=_name(claims, "jti"),
            subject=_name(claims, "sub"),
            claims=_copied(claims, issuer.claims),
            scopes=_asked_scopes(claims) & issuer.scopes,
            expires_at=expires_at,
        )

    async def _check_signature(
        self, assertion: str, header: Mapping[str, object], issuer: TrustedIssuer
    ) -> None:
        algorithm, key_id = _check_header(header)
        key: VerificationKey | None
        if isinstance(issuer.keys, str):
            key = await self._published[issuer.issuer].find(key_id=key_id, algorithm=algorithm)
        else:
            key = choose_key(issuer.keys, key_id=key_id, algorithm=algorithm)
        if key is None:
            raise AssertionRefusedError(
                "no single key of the issuer fits its key id (kid) and algorithm (alg)"
            )
        try:
            self._jws.decode(assertion, key.public_key, algorithms=[algorithm])
        except PyJWTError:
            raise AssertionRefusedError("the signature is wrong") from None


def _read(assertion: str) -> tuple[dict[str, object], dict[str, object]]:
    """Header and claims, not verified. One spelling only: no padding, no loose bits, no key twice."""
    if len(assertion) > LONGEST_ASSERTION:
        raise AssertionRefusedError(f"it is longer than {LONGEST_ASSERTION} characters")
    match = _COMPACT.fullmatch(assertion)
    if match is None:
        raise AssertionRefusedError("it is not a signed JWT: three parts in base64url without padding")
    header, claims, _ = (_decoded(segment) for segment in match.groups())
    return _json_object(header), _json_object(claims)


def _decoded(segment: str) -> bytes:
    try:
        data = urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
    except ValueError:
        data = b""
    if urlsafe_b64encode(data).rstrip(b"=").decode() != segment:
        raise AssertionRefusedError("it is not a signed JWT: a part is not canonical base64url")
    return data


def _json_object(data: bytes) -> dict[str, object]:
    try:
        value = json.loads(data.decode(), object_pairs_hook=_without_duplicates, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise AssertionRefusedError("its header and its claims must be JSON objects without duplicate keys")
    return value


def _without_duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a key stands twice")
    return value


def _no_constant(_: str) -> NoReturn:
    raise ValueError("NaN and Infinity are no JSON")


def _check_header(header: Mapping[str, object]) -> tuple[str, str | None]:
    """The algorithm and the key id that the header claims.

    Keys that it carries or points to (jwk, jku, x5c, x5u) are not looked at.
    """
    if "crit" in header or "b64" in header:
        raise AssertionRefusedError("its header asks for an extension (crit, b64) that is not supported")
    kind = header.get("typ", "JWT")
    if not isinstance(kind, str) or kind.lower().removeprefix("application/") != "jwt":
        raise AssertionRefusedError(
            "its type (typ) must be JWT: tokens made for another purpose are no assertions"
        )
    algorithm, key_id = header.get("alg"), header.get("kid")
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
        raise AssertionRefusedError("its algorithm (alg) is not one that verifies with a public key")
    if not isinstance(key_id, str | None):
        raise AssertionRefusedError("its key id (kid) must be a text")
    return algorithm, key_id


def _check_times(claims: Mapping[str, object], now: float) -> datetime:
    """When the assertion is over. All times are seconds since 1970 (RFC 7519 section 2, NumericDate)."""
    expires, issued, not_before = (_moment(claims, name) for name in ("exp", "iat", "nbf"))
    if expires is None:
        raise AssertionRefusedError("its expiry (exp) is missing")
    if expires <= now - LEEWAY.total_seconds():
        raise AssertionRefusedError("it has expired (exp)")
    if expires > now + (LONGEST_LIFETIME + LEEWAY).total_seconds():
        raise AssertionRefusedError("it expires more than 5 minutes from now (exp)")
    if issued is not None and issued < expires - LONGEST_LIFETIME.total_seconds():
        raise AssertionRefusedError("it lives longer than 5 minutes (exp, iat)")
    if issued is not None and issued > now + LEEWAY.total_seconds():
        raise AssertionRefusedError("it was issued in the future (iat)")
    if not_before is not None and not_before > now + LEEWAY.total_seconds():
        raise AssertionRefusedError("it is not valid yet (nbf)")
    return datetime.fromtimestamp(expires, UTC) + LEEWAY


def _moment(claims: Mapping[str, object], name: str) -> int | float | None:
    """A time of any size, None: not given. Compare it only: arithmetic may not bear it."""
    if name not in claims:
        return None
    value = claims[name]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise AssertionRefusedError(f"its {name} must be a number of seconds")
    return value


def _check_audience(claims: Mapping[str, object], audiences: frozenset[str]) -> None:
    value = claims.get("aud")
    named = value if isinstance(value, list) else [value]
    if not all(isinstance(one, str) for one in named):
        raise AssertionRefusedError("its audience (aud) must be a text or a list of texts")
    if audiences.isdisjoint(cast("list[str]", named)):
        raise AssertionRefusedError("its audience (aud) is not this service")


def _name(claims: Mapping[str, object], name: str) -> str:
    value = claims.get(name)
    if not isinstance(value, str) or not 1 <= len(value) <= LONGEST_NAME:
        raise AssertionRefusedError(f"its {name} must be a text of 1 to {LONGEST_NAME} characters")
    if any(unicodedata.category(character) in {"Cc", "Cs"} for character in value):
        raise AssertionRefusedError(f"its {name} holds a control character or a lone surrogate")
    return value


def _copied(claims: Mapping[str, object], names: frozenset[str] | None) -> dict[str, Json]:
    wanted = (claims.keys() if names is None else claims.keys() & names) - RESERVED_CLAIMS
    copied = {name: claims[name] for name in claims if name in wanted}
    try:
        require_canonical(copied)
    except ValueError as error:
        raise AssertionRefusedError(f"a claim that is copied into the session {error}") from None
    accepted = cast("dict[str, Json]", copied)
    if len(canonical_json(accepted)) > LARGEST_CLAIMS:
        raise AssertionRefusedError(
            f"the claims that are copied into the session exceed {LARGEST_CLAIMS} bytes"
        )
    return accepted


def _asked_scopes(claims: Mapping[str, object]) -> frozenset[str]:
    scope = claims.get("scope", "")
    if not isinstance(scope, str):
        raise AssertionRefusedError("its scope must be a text of scopes with spaces between")
    return frozenset(scope.split())
