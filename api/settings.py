"""How this deployment runs: what the environment says, with the defaults that depend on one another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from api.client_address import Network
from api.data_directory import SECRET_KEY_FILE, prepare_data_directory, stored_secret_key
from ledger.gcra import Rate

if TYPE_CHECKING:
    from api.environment import Environment

DEFAULT_DATA_DIR = Path(".local/share/token-ledger")


class SettingsError(Exception):
    """The configuration cannot be used: one line that names the variables and says what they may be.

    Never holds a secret.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """A configuration without contradictions; secrets are left out of its repr."""

    host: str
    port: int
    development: bool
    data_dir: Path

    database_url: str | None = field(repr=False)
    """None: the embedded PostgreSQL in `data_dir`."""
    migration_database_url: str | None = field(repr=False)
    """Of the owner of the tables; None: `database_url`."""
    direct_database_url: str | None = field(repr=False)
    """Past a pooler, for LISTEN and leadership; None: `database_url`."""
    read_database_url: str | None = field(repr=False)
    """Of a replica for audit queries; None: `database_url`."""
    checkpoint_file: Path | None
    """None: the last checkpoint is not kept outside the database."""

    issuer: str
    audience: str
    secret_key: str = field(repr=False)
    """32 bytes in base64, or two such values with a comma: the first seals, both open."""
    trusted_issuers: Path | None

    allowed_origins: tuple[str, ...]
    trusted_proxies: tuple[Network, ...]
    metrics_allow: tuple[Network, ...]
    cookie_name: str
    """As it is set: with the prefix __Host- while it is secure."""
    cookie_secure: bool

    access_token_algorithm: Literal["EdDSA", "ES256", "RS256"]
    access_token_ttl: timedelta
    refresh_idle_ttl: timedelta
    refresh_absolute_ttl: timedelta
    grace_period: timedelta
    lost_response_window: timedelta
    """Zero: off."""
    refresh_rate_per_family: Rate | None
    refresh_rate_per_address: Rate | None
    unknown_token_rate: Rate | None
    """Of rates: None is unlimited."""
    hide_reuse: bool
    retention: timedelta

    introspection: bool
    log_format: Literal["json", "console"]

    @property
    def embedded(self) -> bool:
        """Whether the embedded PostgreSQL is used."""
        return self.database_url is None


def load_settings(
    environ: Mapping[str, str], *, host: str = "127.0.0.1", port: int = 8000, demo: bool = False
) -> Settings:
    """Make settings of the variables TOKEN_LEDGER_* and of where the server listens.

    `demo` turns development on whatever the environment says. In development the secret key is made in the
    data directory when none is given; else nothing is written.

    Raises:
        SettingsError: a variable is missing, wrong or unknown, or two contradict each other.
    """
    # pydantic and psycopg take 0.3 s to load, and `token-ledger --help` needs neither
    from api.environment import EnvironmentRefusedError, read_environment  # noqa: PLC0415

    try:
        given = read_environment(environ)
    except EnvironmentRefusedError as error:
        raise SettingsError(str(error)) from None
    development = _development(given, host=host, demo=demo)
    issuer = given.issuer or f"http://{f'[{host}]' if ':' in host else host}:{port}"
    _check_issuer(issuer, development=development)
    _check_databases(given)
    _check_lifetimes(given)
    cookie_secure = _cookie_secure(given, development=development, issuer=issuer)
    home = _home(environ)
    data_dir = _expanded(given.data_dir or home / DEFAULT_DATA_DIR, home)
    checkpoint_off = given.checkpoint_file is None and "checkpoint_file" in given.model_fields_set
    return Settings(
        host=host,
        port=port,
        development=development,
        data_dir=data_dir,
        database_url=given.database_url,
        migration_database_url=given.migration_database_url,
        direct_database_url=given.direct_database_url,
        read_database_url=given.read_database_url,
        checkpoint_file=None
        if checkpoint_off
        else _expanded(given.checkpoint_file or data_dir / "checkpoint", home),
        issuer=issuer,
        audience=given.audience or issuer,
        secret_key=_secret_key(given, data_dir),
        trusted_issuers=None if given.trusted_issuers is None else _expanded(given.trusted_issuers, home),
        allowed_origins=given.allowed_origins,
        trusted_proxies=given.trusted_proxies,
        metrics_allow=given.metrics_allow,
        cookie_name=f"__Host-{given.cookie_name}" if cookie_secure else given.cookie_name,
        cookie_secure=cookie_secure,
        access_token_algorithm=given.access_token_algorithm,
        access_token_ttl=given.access_token_ttl,
        refresh_idle_ttl=given.refresh_idle_ttl,
        refresh_absolute_ttl=given.refresh_absolute_ttl,
        grace_period=given.grace_period,
        lost_response_window=given.lost_response_window,
        refresh_rate_per_family=given.refresh_rate_per_family,
        refresh_rate_per_address=given.refresh_rate_per_address,
        unknown_token_rate=given.unknown_token_rate,
        hide_reuse=given.hide_reuse,
        retention=given.retention,
        introspection=development if given.introspection is None else given.introspection,
        log_format=given.log_format or ("console" if development else "json"),
    )


def log_origin(settings: Settings) -> str:
    """What a log that begins now is called: the issuer without its scheme (C2SP tlog-checkpoint)."""
    return settings.issuer.partition("://")[2].rstrip("/")


def is_loopback(host: str) -> bool:
    """Whether a name or an address means this machine only."""
    if host.lower() == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _development(given: Environment, *, host: str, demo: bool) -> bool:
    loopback = is_loopback(host)
    development = given.development
    if demo:
        development = True
    elif development is None:
        development = given.database_url is None and loopback
    if development and not loopback:
        raise SettingsError(
            f"TOKEN_LEDGER_DEVELOPMENT must be off to listen on {host!r}: it is for loopback addresses only, "
            "such as --host 127.0.0.1"
        )
    if development:
        return True
    demanded = {
        "TOKEN_LEDGER_DATABASE_URL": given.database_url,
        "TOKEN_LEDGER_SECRET_KEY": given.secret_key,
        "TOKEN_LEDGER_ISSUER": given.issuer,
    }
    missing = [name for name, value in demanded.items() if value is None]
    if missing:
        raise SettingsError(
            f"{', '.join(missing)} must be given, "
            "or TOKEN_LEDGER_DEVELOPMENT=on for a trial on a loopback address"
        )
    return False


def _check_issuer(issuer: str, *, development: bool) -> None:
    parts = urlsplit(issuer)
    if parts.scheme != "https" and not development and not is_loopback(parts.hostname or ""):
        raise SettingsError(
            "TOKEN_LEDGER_ISSUER must be an https URL: http is for development and loopback only"
        )


def _check_databases(given: Environment) -> None:
    if given.database_url is not None:
        return
    for name in ("migration_database_url", "direct_database_url", "read_database_url"):
        if name in given.model_fields_set:
            raise SettingsError(
                f"TOKEN_LEDGER_{name.upper()} must be left out without TOKEN_LEDGER_DATABASE_URL: "
                "the embedded PostgreSQL has one address"
            )


def _check_lifetimes(given: Environment) -> None:
    for name in ("access_token_ttl", "refresh_idle_ttl"):
        if getattr(given, name) > given.refresh_absolute_ttl:
            raise SettingsError(
                f"TOKEN_LEDGER_{name.upper()} must be at most TOKEN_LEDGER_REFRESH_ABSOLUTE_TTL"
            )
    if given.retention < given.refresh_absolute_ttl:
        raise SettingsError("TOKEN_LEDGER_RETENTION must be at least TOKEN_LEDGER_REFRESH_ABSOLUTE_TTL")


def _cookie_secure(given: Environment, *, development: bool, issuer: str) -> bool:
    if given.cookie_secure is None:
        return not (development and issuer.startswith("http://"))
    if not given.cookie_secure and not development:
        raise SettingsError("TOKEN_LEDGER_COOKIE_SECURE must be on outside development")
    return given.cookie_secure


def _secret_key(given: Environment, data_dir: Path) -> str:
    """The key as given, else the one of the data directory, which is made ready where it is needed."""
    from api.environment import parse_secret_key  # noqa: PLC0415 - as above

    if given.secret_key is not None and given.database_url is not None:
        return given.secret_key
    try:
        prepare_data_directory(data_dir)
        return given.secret_key or parse_secret_key(stored_secret_key(data_dir))
    except OSError as error:
        raise SettingsError(
            f"TOKEN_LEDGER_DATA_DIR must be a directory that can be written: {str(data_dir)!r} is not "
            f"({error.strerror})"
        ) from None
    except ValueError:
        raise SettingsError(
            f"TOKEN_LEDGER_SECRET_KEY is kept in {str(data_dir / SECRET_KEY_FILE)!r}, which does not hold "
            "32 bytes in base64: restore that file, or remove it if its database is gone too"
        ) from None


def _home(environ: Mapping[str, str]) -> Path:
    home = environ.get("HOME")
    try:
        return Path(home) if home else Path.home()
    except RuntimeError:  # a user without a home, as in containers; the directory may not be needed at all
        return Path("/")


def _expanded(path: Path, home: Path) -> Path:
    if path.parts[:1] == ("~",):
        path = home.joinpath(*path.parts[1:])
    return path.absolute()
