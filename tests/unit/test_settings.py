"""Settings: defaults, every kind of wrong value in one clear line, and what development changes."""

from __future__ import annotations

import base64
import os
import secrets
import stat
import subprocess
import sys
import threading
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path

import pytest

from api.data_directory import stored_secret_key
from api.quantities import parse_duration, parse_lost_response_window, parse_rate, parse_switch
from api.settings import Settings, SettingsError, is_loopback, load_settings
from ledger.gcra import Rate

KEY = base64.b64encode(bytes(range(32))).decode()
SECOND_KEY = base64.b64encode(bytes(range(1, 33))).decode()
EVERYWHERE = "0.0.0.0"  # noqa: S104 - what development must refuse
DATABASE = "postgresql://service:swordfish@db.example.com/ledger"
PRODUCTION = {
    "TOKEN_LEDGER_DATABASE_URL": DATABASE,
    "TOKEN_LEDGER_SECRET_KEY": KEY,
    "TOKEN_LEDGER_ISSUER": "https://login.example.com",
    "HOME": "/nonexistent",
}


def production(**variables: str) -> Settings:
    """Settings of a production server, some variables changed."""
    given = {f"TOKEN_LEDGER_{name}": value for name, value in variables.items()}
    return load_settings(PRODUCTION | given, host=EVERYWHERE)


def development(home: Path, *, host: str = "127.0.0.1", demo: bool = False, **variables: str) -> Settings:
    """Settings of a development server, some variables given."""
    given = {f"TOKEN_LEDGER_{name}": value for name, value in variables.items()}
    return load_settings({"HOME": str(home)} | given, host=host, port=8000, demo=demo)


def refusal(**variables: str) -> str:
    """The message with which production settings are refused; always one line."""
    with pytest.raises(SettingsError) as refused:
        production(**variables)
    message = str(refused.value)
    assert message.isprintable()
    assert refused.value.__suppress_context__ or refused.value.__context__ is None
    return message


def test_production_needs_three_variables_and_the_rest_has_defaults() -> None:
    settings = production()

    assert not settings.development
    assert not settings.embedded
    assert settings.database_url == DATABASE
    assert settings.migration_database_url is None
    assert settings.direct_database_url is None
    assert settings.read_database_url is None
    assert settings.secret_key == KEY
    assert settings.issuer == "https://login.example.com"
    assert settings.audience == "https://login.example.com"
    assert settings.data_dir == Path("/nonexistent/.local/share/token-ledger")
    assert settings.checkpoint_file == Path("/nonexistent/.local/share/token-ledger/checkpoint")
    assert settings.trusted_issuers is None
    assert settings.allowed_origins == ()
    assert settings.trusted_proxies == ()
    assert settings.metrics_allow == (ip_network("127.0.0.0/8"), ip_network("::1/128"))
    assert settings.cookie_name == "__Host-token-ledger"
    assert settings.cookie_secure
    assert settings.access_token_algorithm == "EdDSA"
    assert settings.access_token_ttl == timedelta(minutes=15)
    assert settings.refresh_idle_ttl == timedelta(days=7)
    assert settings.refresh_absolute_ttl == timedelta(days=30)
    assert settings.grace_period == timedelta(seconds=10)
    assert settings.lost_response_window == timedelta(0)
    assert settings.refresh_rate_per_family == Rate(limit=20, period=timedelta(minutes=1))
    assert settings.refresh_rate_per_address == Rate(limit=300, period=timedelta(minutes=5))
    assert settings.unknown_token_rate == Rate(limit=20, period=timedelta(minutes=1))
    assert not settings.hide_reuse
    assert settings.retention == timedelta(days=400)
    assert not settings.introspection
    assert settings.log_format == "json"


def test_production_settings_write_nothing() -> None:
    production()

    assert not Path("/nonexistent").exists()


@pytest.mark.parametrize(
    ("name", "value", "field", "expected"),
    [
        (
            "MIGRATION_DATABASE_URL",
            "host=/run/db user=owner",
            "migration_database_url",
            "host=/run/db user=owner",
        ),
        ("DIRECT_DATABASE_URL", "postgres://a@b/c", "direct_database_url", "postgres://a@b/c"),
        ("READ_DATABASE_URL", "postgresql:///replica", "read_database_url", "postgresql:///replica"),
        ("DATA_DIR", "/var/lib/ledger", "data_dir", Path("/var/lib/ledger")),
        ("DATA_DIR", "~/ledger", "data_dir", Path("/nonexistent/ledger")),
        ("CHECKPOINT_FILE", "/var/lib/ledger/note", "checkpoint_file", Path("/var/lib/ledger/note")),
        ("CHECKPOINT_FILE", "off", "checkpoint_file", None),
        ("ISSUER", "https://example.com/tenant/a", "issuer", "https://example.com/tenant/a"),
        ("ISSUER", "http://localhost:8000", "issuer", "http://localhost:8000"),
        ("AUDIENCE", "urn:example:api", "audience", "urn:example:api"),
        ("SECRET_KEY", KEY.rstrip("="), "secret_key", KEY.rstrip("=")),
        ("SECRET_KEY", f"{KEY}, {SECOND_KEY}", "secret_key", f"{KEY}, {SECOND_KEY}"),
        ("TRUSTED_ISSUERS", "/etc/issuers.toml", "trusted_issuers", Path("/etc/issuers.toml")),
        (
            "ALLOWED_ORIGINS",
            "https://a.example, http://localhost:5173",
            "allowed_origins",
            ("https://a.example", "http://localhost:5173"),
        ),
        ("ALLOWED_ORIGINS", "", "allowed_origins", ()),
        (
            "TRUSTED_PROXIES",
            "10.0.0.0/8,192.0.2.1,fd00::/8",
            "trusted_proxies",
            (ip_network("10.0.0.0/8"), ip_network("192.0.2.1/32"), ip_network("fd00::/8")),
        ),
        ("METRICS_ALLOW", "", "metrics_allow", ()),
        ("METRICS_ALLOW", "::ffff:10.0.0.0/104", "metrics_allow", (ip_network("10.0.0.0/8"),)),
        ("COOKIE_NAME", "session", "cookie_name", "__Host-session"),
        ("COOKIE_SECURE", "on", "cookie_secure", True),
        ("ACCESS_TOKEN_ALGORITHM", "ES256", "access_token_algorithm", "ES256"),
        ("ACCESS_TOKEN_TTL", "300", "access_token_ttl", timedelta(minutes=5)),
        ("REFRESH_IDLE_TTL", "1h", "refresh_idle_ttl", timedelta(hours=1)),
        ("REFRESH_ABSOLUTE_TTL", "90d", "refresh_absolute_ttl", timedelta(days=90)),
        ("GRACE_PERIOD", "0", "grace_period", timedelta(0)),
        ("GRACE_PERIOD", "1m", "grace_period", timedelta(seconds=60)),
        ("LOST_RESPONSE_WINDOW", "off", "lost_response_window", timedelta(0)),
        ("LOST_RESPONSE_WINDOW", "0", "lost_response_window", timedelta(0)),
        ("LOST_RESPONSE_WINDOW", "7d", "lost_response_window", timedelta(days=7)),
        ("REFRESH_RATE_PER_FAMILY", "off", "refresh_rate_per_family", None),
        (
            "REFRESH_RATE_PER_ADDRESS",
            "5/minute",
            "refresh_rate_per_address",
            Rate(limit=5, period=timedelta(minutes=1)),
        ),
        ("UNKNOWN_TOKEN_RATE", "7/30s", "unknown_token_rate", Rate(limit=7, period=timedelta(seconds=30))),
        ("HIDE_REUSE", "true", "hide_reuse", True),
        ("RETENTION", "30d", "retention", timedelta(days=30)),
        ("INTROSPECTION", "1", "introspection", True),
        ("LOG_FORMAT", " console\n", "log_format", "console"),
    ],
)
def test_each_variable_is_read(name: str, value: str, field: str, expected: object) -> None:
    assert getattr(production(**{name: value}), field) == expected


@pytest.mark.parametrize(
    ("name", "value", "hint"),
    [
        ("DATABASE_URL", "", "postgresql://"),
        ("DATABASE_URL", "ledger", "postgresql://"),
        ("DATABASE_URL", "mysql://root:swordfish@db/ledger", "postgresql://"),
        ("DATABASE_URL", "postgresql+psycopg://root:swordfish@db/ledger", "postgresql://"),
        ("DATABASE_URL", "postgresql://root:swordfish@db/ledger?pool=5", "postgresql://"),
        ("DATABASE_URL", "hots=db password=swordfish", "postgresql://"),
        ("MIGRATION_DATABASE_URL", "swordfish", "postgresql://"),
        ("DIRECT_DATABASE_URL", "swordfish", "postgresql://"),
        ("READ_DATABASE_URL", "swordfish", "postgresql://"),
        ("DATA_DIR", "", "a path"),
        ("CHECKPOINT_FILE", "/", "not of a directory"),
        ("CHECKPOINT_FILE", "", "a path"),
        ("ISSUER", "", "https URL"),
        ("ISSUER", "login.example.com", "https URL"),
        ("ISSUER", "https://", "https URL"),
        ("ISSUER", "ftp://login.example.com", "https URL"),
        ("ISSUER", "http://login.example.com", "https URL"),
        ("ISSUER", "https://login.example.com?tenant=a", "without query"),
        ("ISSUER", "https://login.example.com?", "without query"),
        ("ISSUER", "https://login.example.com#", "fragment"),
        ("ISSUER", "https://user:swordfish@login.example.com", "https URL"),
        ("ISSUER", "https://login.example.com:99999", "https URL"),
        ("ISSUER", "https://login example.com", "https URL"),
        ("ISSUER", "https://login.\u2028example.com", "https URL"),
        ("ISSUER", "https://[::1", "https URL"),
        ("AUDIENCE", "", "1 to 255"),
        ("AUDIENCE", "a b", "1 to 255"),
        ("AUDIENCE", "x" * 256, "1 to 255"),
        ("SECRET_KEY", "", "32 bytes in base64"),
        ("SECRET_KEY", "swordfish", "32 bytes in base64"),
        ("SECRET_KEY", KEY[:-2], "32 bytes in base64"),
        ("SECRET_KEY", f"{KEY},", "32 bytes in base64"),
        ("SECRET_KEY", f"{KEY},{KEY},{KEY}", "32 bytes in base64"),
        ("SECRET_KEY", "ß" * 44, "32 bytes in base64"),
        ("SECRET_KEY", "ab" * 32, "32 bytes in base64"),
        ("TRUSTED_ISSUERS", "", "a path"),
        ("ALLOWED_ORIGINS", "*", "wildcard"),
        ("ALLOWED_ORIGINS", "null", "null"),
        ("ALLOWED_ORIGINS", "https://a.example,https://b.example/", "nothing after it"),
        ("ALLOWED_ORIGINS", "app.example.com", "scheme://host"),
        ("TRUSTED_PROXIES", "10.0.0.1/8", "networks"),
        ("TRUSTED_PROXIES", "proxy.example.com", "networks"),
        ("METRICS_ALLOW", "on", "networks"),
        ("COOKIE_NAME", "", "letters"),
        ("COOKIE_NAME", "token ledger", "letters"),
        ("COOKIE_NAME", "a=b", "letters"),
        ("COOKIE_NAME", "__Host-token-ledger", "without prefix"),
        ("COOKIE_NAME", "__secure-token-ledger", "without prefix"),
        ("COOKIE_SECURE", "maybe", "on or off"),
        ("COOKIE_SECURE", "off", "outside development"),
        ("ACCESS_TOKEN_ALGORITHM", "HS256", "EdDSA, ES256 or RS256"),
        ("ACCESS_TOKEN_TTL", "0", "above zero"),
        ("ACCESS_TOKEN_TTL", "-5", "duration"),
        ("ACCESS_TOKEN_TTL", "1.5h", "duration"),
        ("ACCESS_TOKEN_TTL", "31d", "TOKEN_LEDGER_REFRESH_ABSOLUTE_TTL"),
        ("REFRESH_IDLE_TTL", "0d", "above zero"),
        ("REFRESH_IDLE_TTL", "31d", "TOKEN_LEDGER_REFRESH_ABSOLUTE_TTL"),
        ("REFRESH_ABSOLUTE_TTL", "", "duration"),
        ("REFRESH_ABSOLUTE_TTL", "99999999999d", "duration"),
        ("REFRESH_ABSOLUTE_TTL", "36501d", "36500d"),
        ("GRACE_PERIOD", "61", "0 to 60s"),
        ("GRACE_PERIOD", "off", "0 to 60s"),
        ("GRACE_PERIOD", "ten", "0 to 60s"),
        ("GRACE_PERIOD", "\u0663", "0 to 60s"),
        ("LOST_RESPONSE_WINDOW", "8d", "up to 7d"),
        ("LOST_RESPONSE_WINDOW", "on", "up to 7d"),
        ("REFRESH_RATE_PER_FAMILY", "20", "10/minute"),
        ("REFRESH_RATE_PER_FAMILY", "0/minute", "10/minute"),
        ("REFRESH_RATE_PER_ADDRESS", "300/fortnight", "10/minute"),
        ("UNKNOWN_TOKEN_RATE", "20/0s", "10/minute"),
        ("HIDE_REUSE", "", "on or off"),
        ("RETENTION", "29d", "at least TOKEN_LEDGER_REFRESH_ABSOLUTE_TTL"),
        ("RETENTION", "off", "duration"),
        ("DEVELOPMENT", "yes", "on or off"),
        ("INTROSPECTION", "2", "on or off"),
        ("LOG_FORMAT", "text", "json or console"),
    ],
)
def test_a_wrong_value_is_one_line_that_names_the_variable_and_says_what_it_may_be(
    name: str, value: str, hint: str
) -> None:
    message = refusal(**{name: value})

    assert message.startswith(f"TOKEN_LEDGER_{name} must be ")
    assert hint in message
    assert "swordfish" not in message
    assert "; TOKEN" not in message


def test_all_wrong_variables_are_named_in_the_one_line() -> None:
    message = refusal(GRACE_PERIOD="61", LOG_FORMAT="text", GRACE="1")

    assert message.count("TOKEN_LEDGER_GRACE_PERIOD must be") == 1
    assert "TOKEN_LEDGER_LOG_FORMAT must be" in message
    assert "TOKEN_LEDGER_GRACE is unknown" in message


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("GRACE_PERIODE", "TOKEN_LEDGER_GRACE_PERIOD"),
        ("ALLOWED_ORIGIN", "TOKEN_LEDGER_ALLOWED_ORIGINS"),
        ("SECRET_KEY_FIL", "TOKEN_LEDGER_SECRET_KEY_FILE"),
        ("TRUSTED_ISSUERS_FILE", "TOKEN_LEDGER_TRUSTED_ISSUERS"),
    ],
)
def test_an_unknown_name_is_refused_and_the_nearest_is_named(name: str, nearest: str) -> None:
    assert refusal(**{name: "swordfish"}) == f"TOKEN_LEDGER_{name} is unknown: did you mean {nearest}?"


def test_a_name_in_lower_case_is_unknown_rather_than_ignored() -> None:
    with pytest.raises(
        SettingsError, match="token_ledger_issuer is unknown: did you mean TOKEN_LEDGER_ISSUER"
    ):
        load_settings(PRODUCTION | {"token_ledger_issuer": "https://login.example.com"})


def test_an_unknown_name_like_no_other_is_to_be_removed() -> None:
    assert refusal(QQQQQQ="1\n2") == "TOKEN_LEDGER_QQQQQQ is unknown: remove it"


def test_variables_of_other_programs_are_not_read() -> None:
    assert load_settings(PRODUCTION | {"PATH": "/bin", "TOKEN": "x", "LEDGER_TOKEN_LEDGER_ISSUER": "x"})


def test_the_variables_that_kubernetes_makes_of_a_service_called_token_ledger_are_ignored() -> None:
    links = {
        "SERVICE_HOST": "10.0.0.1",
        "SERVICE_PORT": "8000",
        "SERVICE_PORT_HTTP": "8000",
        "PORT": "tcp://10.0.0.1:8000",
        "PORT_8000_TCP": "tcp://10.0.0.1:8000",
        "PORT_8000_TCP_PROTO": "tcp",
        "PORT_8000_TCP_PORT": "8000",
        "PORT_8000_TCP_ADDR": "10.0.0.1",
        "POSTGRES_SERVICE_HOST": "10.0.0.2",
        "POSTGRES_PORT_5432_TCP_ADDR": "10.0.0.2",
    }

    assert production(**links) == production()
    assert refusal(PORT="8000").startswith("TOKEN_LEDGER_PORT is unknown")


@pytest.mark.parametrize(
    ("name", "value", "field"),
    [
        ("DATABASE_URL", DATABASE, "database_url"),
        ("MIGRATION_DATABASE_URL", DATABASE, "migration_database_url"),
        ("DIRECT_DATABASE_URL", DATABASE, "direct_database_url"),
        ("READ_DATABASE_URL", DATABASE, "read_database_url"),
        ("SECRET_KEY", KEY, "secret_key"),
    ],
)
def test_a_secret_can_be_in_a_file(tmp_path: Path, name: str, value: str, field: str) -> None:
    file = tmp_path / "secret"
    file.write_text(f"{value}\n")
    variables = {key: given for key, given in PRODUCTION.items() if key != f"TOKEN_LEDGER_{name}"}

    settings = load_settings(variables | {f"TOKEN_LEDGER_{name}_FILE": str(file)})

    assert getattr(settings, field) == value


def test_a_secret_and_its_file_at_once_are_refused(tmp_path: Path) -> None:
    message = refusal(SECRET_KEY_FILE=str(tmp_path))

    assert message == "TOKEN_LEDGER_SECRET_KEY and TOKEN_LEDGER_SECRET_KEY_FILE are both given: remove one"


@pytest.mark.parametrize("content", [None, b"\xff\xfe", b"swordfish"])
def test_a_secret_file_that_cannot_be_used_is_named_by_its_variable_alone(
    tmp_path: Path, content: bytes | None
) -> None:
    file = tmp_path / "swordfish"
    if content is not None:
        file.write_bytes(content)

    message = refusal(READ_DATABASE_URL_FILE=str(file))

    assert message.startswith("TOKEN_LEDGER_READ_DATABASE_URL")
    assert "swordfish" not in message


def test_a_secret_given_where_its_path_belongs_is_not_repeated() -> None:
    assert KEY not in refusal(READ_DATABASE_URL_FILE=KEY)
    assert KEY not in refusal(READ_DATABASE_URL_FILE=KEY + "\x00")


def test_secrets_are_not_in_the_repr() -> None:
    settings = production(
        READ_DATABASE_URL=DATABASE, MIGRATION_DATABASE_URL=DATABASE, DIRECT_DATABASE_URL=DATABASE
    )

    assert KEY not in repr(settings)
    assert "swordfish" not in repr(settings)


@pytest.mark.parametrize("name", ["DATABASE_URL", "SECRET_KEY", "ISSUER"])
def test_production_does_not_start_without(name: str) -> None:
    variables = {key: value for key, value in PRODUCTION.items() if key != f"TOKEN_LEDGER_{name}"}

    with pytest.raises(SettingsError) as refused:
        load_settings(variables | {"TOKEN_LEDGER_DEVELOPMENT": "off"})

    assert str(refused.value).startswith(f"TOKEN_LEDGER_{name} must be given")


def test_development_is_on_with_the_embedded_database_on_loopback(tmp_path: Path) -> None:
    settings = development(tmp_path)

    assert settings.development
    assert settings.embedded
    assert settings.issuer == "http://127.0.0.1:8000"
    assert settings.audience == settings.issuer
    assert settings.introspection
    assert settings.log_format == "console"
    assert not settings.cookie_secure
    assert settings.cookie_name == "token-ledger"


def test_a_database_url_turns_development_off_unless_it_is_asked_for(tmp_path: Path) -> None:
    assert not production().development
    assert development(tmp_path, DATABASE_URL=DATABASE, DEVELOPMENT="on").development


def test_the_demo_is_development_with_any_database(tmp_path: Path) -> None:
    assert development(tmp_path, demo=True, DATABASE_URL=DATABASE).development
    assert development(tmp_path, demo=True, DEVELOPMENT="off").development


def test_the_embedded_database_off_loopback_is_no_default_for_development() -> None:
    with pytest.raises(SettingsError) as refused:
        load_settings({}, host=EVERYWHERE)

    assert str(refused.value).startswith(
        "TOKEN_LEDGER_DATABASE_URL, TOKEN_LEDGER_SECRET_KEY, TOKEN_LEDGER_ISSUER must be given"
    )


@pytest.mark.parametrize("host", [EVERYWHERE, "::", "192.0.2.1", "ledger.example.com", ""])
def test_development_is_refused_on_any_other_than_a_loopback_address(tmp_path: Path, host: str) -> None:
    with pytest.raises(SettingsError, match="TOKEN_LEDGER_DEVELOPMENT must be off to listen on"):
        development(tmp_path, host=host, DEVELOPMENT="on")
    with pytest.raises(SettingsError, match="TOKEN_LEDGER_DEVELOPMENT must be off to listen on"):
        development(tmp_path, host=host, demo=True)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST", "127.0.0.1", "127.8.8.8", "::1"])
def test_loopback_addresses_are_known(host: str) -> None:
    assert is_loopback(host)


def test_the_issuer_of_an_ipv6_address_is_bracketed(tmp_path: Path) -> None:
    assert development(tmp_path, host="::1").issuer == "http://[::1]:8000"


def test_development_takes_an_http_issuer_under_any_name(tmp_path: Path) -> None:
    assert development(tmp_path, ISSUER="http://ledger.test:8000").issuer == "http://ledger.test:8000"


def test_in_development_the_cookie_is_secure_by_default_only_with_an_https_issuer(tmp_path: Path) -> None:
    assert development(tmp_path, ISSUER="https://ledger.test").cookie_name == "__Host-token-ledger"
    assert development(tmp_path, COOKIE_SECURE="on").cookie_name == "__Host-token-ledger"
    assert (
        development(tmp_path, ISSUER="https://ledger.test", COOKIE_SECURE="off").cookie_name == "token-ledger"
    )


def test_a_second_database_address_needs_a_first(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="TOKEN_LEDGER_READ_DATABASE_URL must be left out without"):
        development(tmp_path, READ_DATABASE_URL=DATABASE)


def test_development_makes_a_secret_key_that_only_its_owner_can_read_and_keeps_it(tmp_path: Path) -> None:
    first = development(tmp_path)
    file = first.data_dir / "secret_key"

    assert len(base64.b64decode(first.secret_key)) == 32
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(first.data_dir.stat().st_mode) == 0o700
    assert development(tmp_path).secret_key == first.secret_key
    assert [entry.name for entry in first.data_dir.iterdir()] == ["secret_key"]


def test_a_given_secret_key_is_not_written(tmp_path: Path) -> None:
    settings = development(tmp_path, SECRET_KEY=KEY)

    assert settings.secret_key == KEY
    assert not list(settings.data_dir.iterdir())


def test_with_a_database_and_a_secret_key_development_writes_nothing(tmp_path: Path) -> None:
    development(tmp_path, SECRET_KEY=KEY, DATABASE_URL=DATABASE, DEVELOPMENT="on")

    assert not list(tmp_path.iterdir())


def test_processes_that_start_at_once_get_the_same_secret_key(tmp_path: Path) -> None:
    starters = 8
    barrier = threading.Barrier(starters)
    keys: list[str] = []

    def start() -> None:
        barrier.wait()
        keys.append(stored_secret_key(tmp_path))

    threads = [threading.Thread(target=start) for _ in range(starters)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(keys) == starters
    assert len(set(keys)) == 1
    assert [entry.name for entry in tmp_path.iterdir()] == ["secret_key"]


def test_a_process_that_made_a_key_too_late_takes_the_one_that_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def another_is_quicker(size: int) -> bytes:
        (tmp_path / "secret_key").write_text(f"{SECOND_KEY}\n")
        return bytes(size)

    monkeypatch.setattr(secrets, "token_bytes", another_is_quicker)

    assert stored_secret_key(tmp_path) == SECOND_KEY


@pytest.mark.parametrize("content", [b"", b"swordfish\n", b"\xff\xfe", f"{KEY}{KEY}".encode()])
def test_a_damaged_secret_key_file_is_named_and_not_replaced(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "secret_key"
    file.write_bytes(content)

    with pytest.raises(SettingsError) as refused:
        development(tmp_path, DATA_DIR=str(tmp_path))

    assert str(refused.value).startswith("TOKEN_LEDGER_SECRET_KEY is kept in")
    assert str(file) in str(refused.value)
    assert "swordfish" not in str(refused.value)
    assert file.read_bytes() == content


def test_a_data_directory_that_is_a_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()

    for path in (file, file / "below"):
        with pytest.raises(SettingsError, match=r"^TOKEN_LEDGER_DATA_DIR must be a directory") as refused:
            development(tmp_path, DATA_DIR=str(path))
        assert str(refused.value).isprintable()


def test_a_data_directory_that_cannot_be_written_is_refused() -> None:
    for path in ("/proc/token-ledger", "/proc/self"):  # nobody can make files there, not even root
        with pytest.raises(
            SettingsError, match=r"^TOKEN_LEDGER_DATA_DIR must be a directory that can be written"
        ):
            load_settings({"TOKEN_LEDGER_DATA_DIR": path, "TOKEN_LEDGER_SECRET_KEY": KEY})


def test_the_environment_of_the_process_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "TOKEN_LEDGER_GRACE_PERIOD", "42")

    assert production().grace_period == timedelta(seconds=10)


def test_nothing_slow_is_imported_before_settings_are_loaded() -> None:
    program = "import sys, api.settings; sys.exit(bool({'pydantic', 'psycopg'} & set(sys.modules)))"

    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0", 0), ("90", 90), ("90s", 90), ("15m", 900), ("1h", 3600), ("7d", 604800), ("36500d", 3153600000)],
)
def test_durations_are_seconds_or_a_number_with_a_unit(text: str, seconds: int) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text", ["", " ", "s", "1 m", "1M", "1w", "+1", "-1", "1.5", "1e3", "1h30m", "٣", "1\n", "off"]
)
def test_other_durations_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must be a duration"):
        parse_duration(text)


def test_a_window_can_be_off() -> None:
    assert parse_lost_response_window("off") == timedelta(0)
    assert parse_lost_response_window("1h") == timedelta(hours=1)
    with pytest.raises(ValueError, match=r"must be a duration.*, or off"):
        parse_lost_response_window("on")


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("10/second", Rate(limit=10, period=timedelta(seconds=1))),
        ("10/minute", Rate(limit=10, period=timedelta(minutes=1))),
        ("1/hour", Rate(limit=1, period=timedelta(hours=1))),
        ("1/day", Rate(limit=1, period=timedelta(days=1))),
        ("300/5m", Rate(limit=300, period=timedelta(minutes=5))),
        ("300/300", Rate(limit=300, period=timedelta(minutes=5))),
        ("off", None),
    ],
)
def test_rates_are_so_many_in_a_period(text: str, rate: Rate | None) -> None:
    assert parse_rate(text) == rate


@pytest.mark.parametrize(
    "text", ["", "10", "10/", "/minute", "0/minute", "10/0", "-1/minute", "1.5/minute", "10/MINUTE"]
)
def test_other_rates_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must be a rate above zero such as 10/minute"):
        parse_rate(text)


@pytest.mark.parametrize("text", ["on", "true", "1", "ON", "True"])
def test_switches_are_on(text: str) -> None:
    assert parse_switch(text)


@pytest.mark.parametrize("text", ["off", "false", "0", "OFF", "False"])
def test_switches_are_off(text: str) -> None:
    assert not parse_switch(text)
