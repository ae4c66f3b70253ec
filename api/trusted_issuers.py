"""Whose login assertions are accepted, and what each may say: the TOML file TRUSTED_ISSUERS."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from api.settings import SettingsError, is_loopback
from api.verification_keys import ALGORITHMS, VerificationKey, key_of_pem, keys_of_jwks

DEVELOPMENT_ISSUER = "urn:token-ledger:development"

RESERVED_CLAIMS = frozenset(
    {"iss", "sub", "aud", "exp", "nbf", "iat", "jti", "sid", "client_id", "scope"}  # of access tokens
    | {"cnf", "act", "may_act"}  # who may use a token, and for whom
    | {"active", "token_type", "username"}  # of introspection, RFC 7662 section 2.2
)
"""Claims that this service writes itself: never copied from an assertion."""

_KEY_SOURCES = ("jwks_file", "jwks_url", "public_key")
_KNOWN = frozenset({"issuer", "audience", "algorithms", "claims", "scopes", *_KEY_SOURCES})


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedIssuer:
    """An identity provider whose assertions open sessions."""

    issuer: str
    audiences: frozenset[str]
    """An assertion names one of these."""
    keys: tuple[VerificationKey, ...] | str
    """Its keys, or the URL at which it publishes them."""
    algorithms: frozenset[str] = ALGORITHMS
    claims: frozenset[str] | None = frozenset()
    """The names of claims that are copied into the session; None: all but the reserved ones."""
    scopes: frozenset[str] = frozenset()
    """Scopes that its assertions may grant."""


def load_trusted_issuers(path: Path, *, audience: str) -> tuple[TrustedIssuer, ...]:
    """Read the file; `audience` is that of entries which name none.

    Raises:
        SettingsError: it cannot be read, or an entry is wrong: one line with file, issuer and key.
    """
    try:
        tables = _tables(tomllib.loads(path.read_text("utf-8")))
        issuers = tuple(_issuer(table, folder=path.parent, audience=audience) for table in tables)
        _require_distinct(issuers)
    except OSError as error:
        raise SettingsError(
            f"TOKEN_LEDGER_TRUSTED_ISSUERS must be the path of a file that can be read: {str(path)!r} is not "
            f"({error.strerror})"
        ) from None
    except ValueError as error:  # so are those of TOML and UTF-8
        raise SettingsError(f"TOKEN_LEDGER_TRUSTED_ISSUERS: {str(path)!r}: {error}") from None
    return issuers


def _require_distinct(issuers: tuple[TrustedIssuer, ...]) -> None:
    names = [issuer.issuer for issuer in issuers]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"issuer {name!r}: must have one entry only")


def _tables(document: Mapping[str, object]) -> list[Mapping[str, object]]:
    unknown = sorted(document.keys() - {"issuer"})
    if unknown:
        raise ValueError(f"{unknown[0]!r} is unknown: all keys belong below [[issuer]]")
    tables = document.get("issuer")
    if not isinstance(tables, list) or not tables or not all(isinstance(table, dict) for table in tables):
        raise ValueError("must hold an entry [[issuer]]")
    return tables


def _issuer(table: Mapping[str, object], *, folder: Path, audience: str) -> TrustedIssuer:
    name = table.get("issuer")
    if not isinstance(name, str) or not 1 <= len(name) <= 255 or not name.isprintable():
        raise ValueError("[[issuer]] without a name: `issuer` must be the `iss` of its assertions")
    try:
        return _entry(table, name=name, folder=folder, audience=audience)
    except ValueError as error:
        raise ValueError(f"issuer {name!r}: {error}") from None


def _entry(table: Mapping[str, object], *, name: str, folder: Path, audience: str) -> TrustedIssuer:
    if name == DEVELOPMENT_ISSUER:
        raise ValueError("this name is kept for the issuer of development mode")
    unknown = sorted(table.keys() - _KNOWN)
    if unknown:
        raise ValueError(f"`{ascii(unknown[0])[1:-1]}` is unknown; the keys are {', '.join(sorted(_KNOWN))}")
    algorithms = frozenset(_texts(table, "algorithms")) if "algorithms" in table else ALGORITHMS
    if not algorithms or not algorithms <= ALGORITHMS:
        raise ValueError(f"`algorithms` must be some of {', '.join(sorted(ALGORITHMS))}")
    claims = _texts(table, "claims")
    for claim in claims:
        if claim in RESERVED_CLAIMS:
            raise ValueError(f"`claims` must not hold {claim!r}, which this service writes itself")
        if re.fullmatch(r"[!-~]{1,64}", claim) is None:
            raise ValueError("`claims` must be names of 1 to 64 visible ASCII characters")
    scopes = _texts(table, "scopes")
    if not all(re.fullmatch(r"[!#-\[\]-~]{1,64}", scope) for scope in scopes):  # RFC 6749 section 3.3
        raise ValueError("`scopes` must be scopes such as audit:read, one an entry")
    audiences = _audiences(table.get("audience", audience))
    return TrustedIssuer(
        issuer=name,
        audiences=audiences,
        keys=_keys(table, folder=folder, algorithms=algorithms),
        algorithms=algorithms,
        claims=frozenset(claims),
        scopes=frozenset(scopes),
    )


def _audiences(value: object) -> frozenset[str]:
    values = value if isinstance(value, list) else [value]
    texts = [one for one in values if isinstance(one, str) and one]
    if not values or len(texts) != len(values):
        raise ValueError("`audience` must be a text or a list of texts")
    return frozenset(texts)


def _texts(table: Mapping[str, object], key: str) -> list[str]:
    values = table.get(key, [])
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise ValueError(f"`{key}` must be a list of texts")
    return values


def _keys(
    table: Mapping[str, object], *, folder: Path, algorithms: frozenset[str]
) -> tuple[VerificationKey, ...] | str:
    sources = [source for source in _KEY_SOURCES if source in table]
    if len(sources) != 1:
        raise ValueError("must have exactly one of `jwks_file`, `jwks_url`, `public_key`")
    source = sources[0]
    value = table[source]
    if not isinstance(value, str) or not value or "\x00" in value:
        raise ValueError(f"`{source}` must be a text")
    try:
        match source:
            case "public_key":
                return (key_of_pem(value, algorithms=algorithms),)
            case "jwks_file":
                return keys_of_jwks(_json_file(folder / value), algorithms=algorithms)
            case _:
                return _url(value)
    except ValueError as error:
        raise ValueError(f"`{source}` {error}") from None


def _json_file(path: Path) -> object:
    try:
        return json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ValueError(f"must be the path of a file that can be read ({error.strerror})") from None
    except (ValueError, RecursionError):
        raise ValueError("must be the path of a JSON file") from None


def _url(text: str) -> str:
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        host, port = "", None
    plain = all("!" <= character <= "~" for character in text) and "@" not in text and port != 0
    if (
        not plain
        or not host
        or not (parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host)))
    ):
        raise ValueError("must be an https URL (http for a loopback address only)")
    return text
