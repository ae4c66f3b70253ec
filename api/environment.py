"""The variables TOKEN_LEDGER_*, one field each: what was given, each checked by itself.

Slow to import, as pydantic is: `api.settings` does it when settings are loaded. Not with pydantic-settings:
the environment is passed in, and files, lists and unknown names have rules of their own here.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from difflib import get_close_matches
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict
from pydantic import BaseModel, ConfigDict, PlainValidator, ValidationError

from api.client_address import Network
from api.origins import parse_origin
from api.quantities import (
    parse_grace_period,
    parse_lifetime,
    parse_lost_response_window,
    parse_rate,
    parse_switch,
)
from ledger.gcra import Rate

PREFIX = "TOKEN_LEDGER_"
SECRETS = ("DATABASE_URL", "MIGRATION_DATABASE_URL", "DIRECT_DATABASE_URL", "READ_DATABASE_URL", "SECRET_KEY")
"""Those that may be given as NAME_FILE, the path of a file with the value."""


class EnvironmentRefusedError(ValueError):
    """Something in the environment is wrong: one line that names each variable and what it may be.

    Never holds the value of a variable.
    """


def parse_secret_key(text: str) -> str:
    """One or two values of 32 bytes in base64, standard or URL-safe; two are separated by a comma.

    Raises:
        ValueError: it is none of this.
    """
    values = text.split(",")
    if len(values) > 2 or not all(_is_key(value.strip()) for value in values):
        raise ValueError(
            "must be 32 bytes in base64, as `openssl rand -base64 32` prints them, or two such values with a "
            "comma (the first seals, both open)"
        )
    return text


def _is_key(value: str) -> bool:
    standard = value.replace("-", "+").replace("_", "/")
    try:
        return len(base64.b64decode(standard.rstrip("=") + "=", validate=True)) == 32
    except (binascii.Error, ValueError):
        return False


def _database_url(text: str) -> str:
    hint = "must be a PostgreSQL URL such as postgresql://user@host/database, or the key=value pairs of libpq"
    try:
        known = conninfo_to_dict(text)
    except (ProgrammingError, UnicodeError):
        raise ValueError(hint) from None  # the cause repeats the value
    if not known:
        raise ValueError(hint)
    return text


def _issuer(text: str) -> str:
    hint = "must be an https URL such as https://login.example.com, without query and fragment"
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise ValueError(hint) from None
    plain = all("!" <= character <= "~" for character in text)
    if not plain or parts.scheme not in {"https", "http"} or not parts.hostname or port == 0:
        raise ValueError(hint)
    if "@" in parts.netloc or "?" in text or "#" in text:
        raise ValueError(hint)
    return text


def _audience(text: str) -> str:
    if not 1 <= len(text) <= 255 or not all("!" <= character <= "~" for character in text):
        raise ValueError("must be a URL or a name of 1 to 255 visible ASCII characters without spaces")
    return text


def _path(text: str) -> Path:
    if not text or "\x00" in text:
        raise ValueError("must be a path")
    return Path(text)


def _path_or_off(text: str) -> Path | None:
    if text == "off":
        return None
    path = _path(text)
    if path.is_dir():
        raise ValueError("must be the path of a file, not of a directory, or off")
    return path


def _cookie_name(text: str) -> str:
    if re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}", text) is None:
        raise ValueError("must be 1 to 64 letters, digits, - and _")
    if text.lower().startswith(("__host-", "__secure-", "__http-")):
        raise ValueError("must be without prefix: __Host- is put before it while the cookie is secure")
    return text


def _origins(text: str) -> tuple[str, ...]:
    return tuple(parse_origin(entry) for entry in _entries(text))


def _networks(text: str) -> tuple[Network, ...]:
    try:
        return tuple(_network(entry) for entry in _entries(text))
    except ValueError:
        raise ValueError(
            "must be networks such as 10.0.0.0/8,fd00::/8, without bits behind the mask, or addresses"
        ) from None


def _network(text: str) -> Network:
    """IPv4 that is spelled as IPv6 is IPv4, as addresses of callers are."""
    network = ip_network(text)
    if isinstance(network, IPv6Network) and network.prefixlen >= 96:
        mapped = network.network_address.ipv4_mapped
        if mapped is not None:
            return IPv4Network((mapped, network.prefixlen - 96))
    return network


def _entries(text: str) -> list[str]:
    return [entry.strip() for entry in text.split(",") if entry.strip()]


def _one_of(*words: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in words:
            raise ValueError(f"must be {', '.join(words[:-1])} or {words[-1]}")
        return text

    return parse


DatabaseUrl = Annotated[str | None, PlainValidator(_database_url)]
Algorithm = Annotated[Literal["EdDSA", "ES256", "RS256"], PlainValidator(_one_of("EdDSA", "ES256", "RS256"))]
Lifetime = Annotated[timedelta, PlainValidator(parse_lifetime)]
Limit = Annotated[Rate | None, PlainValidator(parse_rate)]
Networks = Annotated[tuple[Network, ...], PlainValidator(_networks)]
Switch = Annotated[bool, PlainValidator(parse_switch)]
SwitchOrUnset = Annotated[bool | None, PlainValidator(parse_switch)]


class Environment(BaseModel):
    """What was given, or the default where it depends on nothing else; None: not given."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    database_url: DatabaseUrl = None
    migration_database_url: DatabaseUrl = None
    direct_database_url: DatabaseUrl = None
    read_database_url: DatabaseUrl = None
    data_dir: Annotated[Path | None, PlainValidator(_path)] = None
    checkpoint_file: Annotated[Path | None, PlainValidator(_path_or_off)] = None
    """None: not given, or `off`; `model_fields_set` tells which."""

    issuer: Annotated[str | None, PlainValidator(_issuer)] = None
    audience: Annotated[str | None, PlainValidator(_audience)] = None
    secret_key: Annotated[str | None, PlainValidator(parse_secret_key)] = None
    trusted_issuers: Annotated[Path | None, PlainValidator(_path)] = None

    allowed_origins: Annotated[tuple[str, ...], PlainValidator(_origins)] = ()
    trusted_proxies: Networks = ()
    metrics_allow: Networks = (ip_network("127.0.0.0/8"), ip_network("::1/128"))
    cookie_name: Annotated[str, PlainValidator(_cookie_name)] = "token-ledger"
    cookie_secure: SwitchOrUnset = None

    access_token_algorithm: Algorithm = "EdDSA"  # noqa: S105 - a name
    access_token_ttl: Lifetime = timedelta(minutes=15)
    refresh_idle_ttl: Lifetime = timedelta(days=7)
    refresh_absolute_ttl: Lifetime = timedelta(days=30)
    grace_period: Annotated[timedelta, PlainValidator(parse_grace_period)] = timedelta(seconds=10)
    lost_response_window: Annotated[timedelta, PlainValidator(parse_lost_response_window)] = timedelta(0)
    refresh_rate_per_family: Limit = Rate(limit=20, period=timedelta(minutes=1))
    refresh_rate_per_address: Limit = Rate(limit=300, period=timedelta(minutes=5))
    unknown_token_rate: Limit = Rate(limit=20, period=timedelta(minutes=1))
    hide_reuse: Switch = False
    retention: Lifetime = timedelta(days=400)

    development: SwitchOrUnset = None
    introspection: SwitchOrUnset = None
    log_format: Annotated[Literal["json", "console"] | None, PlainValidator(_one_of("json", "console"))] = (
        None
    )


def read_environment(environ: Mapping[str, str]) -> Environment:
    """Read the variables with the prefix, those of `SECRETS` also from the file that NAME_FILE names.

    Raises:
        EnvironmentRefusedError: a name is unknown, a value is wrong, or NAME and NAME_FILE are both given.
    """
    given = {name: value for name, value in environ.items() if name.upper().startswith(PREFIX)}
    known = {PREFIX + field.upper() for field in Environment.model_fields}
    files = {f"{PREFIX}{name}_FILE": PREFIX + name for name in SECRETS}
    values: dict[str, str] = {}
    mistakes: list[str] = []
    for name, value in sorted(given.items()):
        if name in known:
            values[name] = value.strip()
        elif _is_service_link(name, value):
            continue
        elif name not in files:
            mistakes.append(_unknown(name, known | files.keys()))
        elif files[name] in given:
            mistakes.append(f"{files[name]} and {name} are both given: remove one")
        else:
            try:
                values[files[name]] = Path(value).read_text("utf-8").strip()
            except OSError as error:
                mistakes.append(f"{name} must be the path of a file that can be read ({error.strerror})")
            except ValueError:
                mistakes.append(f"{name} must be the path of a text file")
    try:
        environment = Environment.model_validate(
            {name.removeprefix(PREFIX).lower(): value for name, value in values.items()}
        )
    except ValidationError as error:
        mistakes += [
            f"{PREFIX}{str(one['loc'][0]).upper()} {one['ctx']['error']}"
            for one in error.errors(include_url=False, include_input=False)
        ]
        raise EnvironmentRefusedError("; ".join(mistakes)) from None  # the cause repeats the values
    if mistakes:
        raise EnvironmentRefusedError("; ".join(mistakes))
    return environment


def _is_service_link(name: str, value: str) -> bool:
    """Whether Kubernetes sets it in every pod because a Service is called token-ledger or token-ledger-*."""
    if re.fullmatch(r"TOKEN_LEDGER_(\w+_)?(SERVICE_(HOST|PORT)|PORT_\d+_[A-Z]+)(_\w+)?", name):
        return True
    return re.fullmatch(r"TOKEN_LEDGER_(\w+_)?PORT", name) is not None and "://" in value


def _unknown(name: str, known: set[str]) -> str:
    printable = name if name.isprintable() else ascii(name)
    names = {one.removeprefix(PREFIX) for one in known}
    nearest = get_close_matches(name.upper().removeprefix(PREFIX), names, n=1)
    return f"{printable} is unknown: " + (f"did you mean {PREFIX}{nearest[0]}?" if nearest else "remove it")
