"""`/metrics`: what happened moved its numbers by exactly that, and only who may read it can."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from prometheus_client.parser import text_string_to_metric_families

from api.application import Application, Surroundings
from ledger import sealer, sweeper
from projections import runner
from tests.api.clients import basic, new_client
from tests.api.http import Http
from tests.api.live import listening
from tests.api.server import REFRESH, Server, running_server, settings_of
from tests.api.test_oauth_token import ask
from tests.api.test_tokens import damaged, granted, refused

README = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
ENDPOINTS = {
    "console", "client", "graphql", "graphql_login", "graphql_logout", "graphql_refresh", "health", "log",
    "metrics", "oauth", "other", "revocations", "well_known",
}  # fmt: skip
OF_THE_DATABASE = {
    "token_ledger_log_events", "token_ledger_unsealed_events", "token_ledger_unsealed_seconds",
    "token_ledger_projection_lag_events", "token_ledger_projection_lag_seconds",
    "token_ledger_partitions_left_seconds", "token_ledger_key_age_seconds",
    "token_ledger_database_start_time_seconds",
}  # fmt: skip
ROLES = {"token_ledger_service", "token_ledger_reader"}
"""Of the database."""
DAY = 86_400

Samples = Mapping[str, float]


async def text_of(application: Any, address: str = "127.0.0.1", **headers: str) -> str:
    """What an address that may read it is told."""
    answer = await Http(application, address=address).send("GET", "/metrics", headers=headers)
    assert answer.status == 200, answer
    assert answer.header("content-type") == "text/plain; version=0.0.4; charset=utf-8"
    assert answer.header("cache-control") == "no-store"
    return answer.body.decode()


async def scrape(application: Any) -> dict[str, float]:
    """Every sample, as `name{value,value}` with the values of the labels in order of the labels' names."""
    text = await text_of(application)
    return {
        f"{one.name}{{{','.join(value for _, value in sorted(one.labels.items()))}}}": one.value
        for family in text_string_to_metric_families(text)
        for one in family.samples
    }


async def eventually(application: Any, condition: Callable[[Samples], object]) -> Samples:
    """The samples, once it is so."""
    async with asyncio.timeout(20):
        while not condition(found := await scrape(application)):  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.1)
    return found


def moved(before: Samples, after: Samples, *families: str) -> dict[str, float]:
    """By how much the counters of some families have moved, without those that have not."""
    changes = {
        name: value - before.get(name, 0) for name, value in after.items() if name.startswith(families)
    }
    return {name.removeprefix("token_ledger_"): by for name, by in changes.items() if by}


COUNTERS = (
    "token_ledger_tokens_total", "token_ledger_refusals_total", "token_ledger_events_appended_total",
    "token_ledger_rate_limited_total", "token_ledger_commands_", "token_ledger_commit_batch_commands_sum",
    "token_ledger_http_request_duration_seconds_count",
)  # fmt: skip


async def test_the_numbers_move_by_exactly_what_happened(server: Server) -> None:
    before = await scrape(server.application)
    first = await server.login()
    granted(await server.refresh(first["refreshToken"]), "ROTATED")
    granted(await server.refresh(first["refreshToken"]), "REPLAYED")
    refused(await server.refresh(damaged(first["refreshToken"])), "TOKEN_UNKNOWN")
    server.elapsed += timedelta(minutes=1)
    refused(await server.refresh(first["refreshToken"]), "REUSE_DETECTED")
    assert (await server.http.send("GET", f"/{first['accessToken']}")).status == 404
    assert moved(before, await scrape(server.application), *COUNTERS) == {
        "tokens_total{ISSUED}": 1,
        "tokens_total{ROTATED}": 1,
        "tokens_total{REPLAYED}": 1,
        "refusals_total{TOKEN_UNKNOWN}": 1,
        "refusals_total{REUSE_DETECTED}": 1,
        "events_appended_total{TokenIssued}": 1,
        "events_appended_total{TokenRotated}": 1,
        "events_appended_total{TokenReplayed}": 1,
        "events_appended_total{ReuseDetected}": 1,
        "events_appended_total{TokenRevoked}": 1,
        "commit_batch_commands_sum{}": 4,
        "http_request_duration_seconds_count{graphql_login,2xx}": 1,
        "http_request_duration_seconds_count{graphql_refresh,2xx}": 4,
        "http_request_duration_seconds_count{other,4xx}": 1,
        "http_request_duration_seconds_count{metrics,2xx}": 1,  # the first look
    }


async def test_durations_are_in_seconds_and_buckets_are_cumulative(server: Server) -> None:
    began = time.monotonic()
    await server.login()
    took = time.monotonic() - began
    found = await scrape(server.application)
    name = "token_ledger_http_request_duration_seconds"
    assert 0 < found[f"{name}_sum{{graphql_login,2xx}}"] < took
    assert found[f"{name}_bucket{{graphql_login,+Inf,2xx}}"] == 1
    assert found[f"{name}_bucket{{graphql_login,0.001,2xx}}"] == 0


async def test_the_true_code_is_counted_where_callers_are_told_another(database_url: str) -> None:
    async with running_server(database_url, {"TOKEN_LEDGER_HIDE_REUSE": "on"}) as server:
        first = await server.login()
        await server.refresh(first["refreshToken"])
        server.elapsed += timedelta(minutes=1)
        refused(await server.refresh(first["refreshToken"]), "SESSION_REVOKED")
        found = await scrape(server.application)
        assert found["token_ledger_refusals_total{REUSE_DETECTED}"] == 1
        assert found["token_ledger_refusals_total{SESSION_REVOKED}"] == 0


async def test_each_limit_is_counted_apart(database_url: str) -> None:
    environ = {
        "TOKEN_LEDGER_REFRESH_RATE_PER_ADDRESS": "6/5m",
        "TOKEN_LEDGER_UNKNOWN_TOKEN_RATE": "1/5m",
        "TOKEN_LEDGER_REFRESH_RATE_PER_FAMILY": "1/5m",
    }
    async with running_server(database_url, environ) as server:
        pair = await server.login()
        pair = granted(await server.refresh(pair["refreshToken"]), "ROTATED")
        refused(await server.refresh(pair["refreshToken"]), "RATE_LIMITED")
        refused(await server.refresh(damaged(pair["refreshToken"])), "TOKEN_UNKNOWN")
        refused(await server.refresh(damaged(pair["refreshToken"])), "RATE_LIMITED")
        while (told := await server.refresh(pair["refreshToken"]))["code"] == "RATE_LIMITED":
            found = await scrape(server.application)
            if found["token_ledger_rate_limited_total{address}"]:
                break
        refused(told, "RATE_LIMITED")
        assert found["token_ledger_rate_limited_total{address}"] == 1
        assert found["token_ledger_rate_limited_total{unknown_tokens}"] == 1
        by_family = found["token_ledger_rate_limited_total{family}"]
        assert by_family >= 1
        assert found["token_ledger_refusals_total{RATE_LIMITED}"] == 2 + by_family


async def test_oauth_is_counted_as_graphql_is(server: Server) -> None:
    secret = await new_client(server, "billing", scopes=["tokens:introspect"])
    before = await scrape(server.application)
    jwt_bearer = {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer"}
    answer = await ask(server, {**jwt_bearer, "assertion": server.assertion()})
    assert answer.status == 200
    refresh = {"grant_type": "refresh_token"}
    assert (await ask(server, {**refresh, "refresh_token": answer.json["refresh_token"]})).status == 200
    assert (
        await ask(server, {**refresh, "refresh_token": damaged(answer.json["refresh_token"])})
    ).status == 400
    assert (await ask(server, {**jwt_bearer, "assertion": "none"})).status == 400
    given = await ask(server, {"grant_type": "client_credentials"}, basic("billing", secret))
    assert given.status == 200
    assert moved(before, await scrape(server.application), *COUNTERS[:2], COUNTERS[-1]) == {
        "tokens_total{ISSUED}": 1,
        "tokens_total{ROTATED}": 1,
        "tokens_total{CLIENT_CREDENTIALS}": 1,
        "refusals_total{TOKEN_UNKNOWN}": 1,
        "refusals_total{ASSERTION_INVALID}": 1,
        "http_request_duration_seconds_count{oauth,2xx}": 3,
        "http_request_duration_seconds_count{oauth,4xx}": 2,
        "http_request_duration_seconds_count{metrics,2xx}": 1,
    }


async def test_labels_come_from_fixed_sets_whatever_is_asked_for(server: Server) -> None:
    await server.login("somebody", deviceLabel="a label")
    for path in ("/metrics/", "/tile/0/000", "/.well-known/jwks.json", "/readyz", "//", "/graphql/x", "/é"):
        await server.http.send("GET", path)
    await server.http.graphql("{ me { id } }")
    await server.http.graphql("mutation { refresh { __typename } login: logout { __typename } }")
    for family in text_string_to_metric_families(await text_of(server.application)):
        for one in family.samples:
            assert set(one.labels) <= {
                "code", "endpoint", "kind", "le", "limit", "outcome", "pool", "projection", "state", "status",
                "type", "work",
            }  # fmt: skip
            assert one.labels.get("endpoint", "other") in ENDPOINTS
            assert re.fullmatch("[A-Za-z0-9_.+]{0,30}", "".join(one.labels.values()).replace("Inf", ""))
            assert "created" not in one.name


async def test_every_family_is_told_about_and_named_with_its_unit(server: Server) -> None:
    families = list(text_string_to_metric_families(await text_of(server.application)))
    assert len(families) == len({one.name for one in families}) > 20
    unitless = {"token_ledger_leading", "token_ledger_database_up"}
    for one in families:
        assert len(one.documentation) > 15
        counted = ("connections", "commands", "requests", "events", "sessions", "workers")
        assert one.type == "counter" or one.name in unitless or one.name.endswith(("_seconds", *counted)), one


async def test_sealer_and_projections_are_as_far_as_they_are(server: Server) -> None:
    await server.login()
    await asyncio.sleep(0.1)
    found = await scrape(server.application)
    assert (found["token_ledger_log_events{}"], found["token_ledger_unsealed_events{}"]) == (0, 1)
    assert 0.1 <= found["token_ledger_unsealed_seconds{}"] < 60
    assert "token_ledger_checkpoint_age_seconds{}" not in found
    await server.sealed()
    await asyncio.sleep(1)
    found = await scrape(server.application)
    assert (found["token_ledger_log_events{}"], found["token_ledger_unsealed_events{}"]) == (1, 0)
    assert found["token_ledger_unsealed_seconds{}"] == 0
    assert 1 <= found["token_ledger_checkpoint_age_seconds{}"] < 60
    assert found["token_ledger_projection_lag_events{audit_events}"] == 0
    server.execute("UPDATE projection_slots SET next_index = 0 WHERE projection = 'audit_events'")
    await asyncio.sleep(1)
    found = await scrape(server.application)
    assert found["token_ledger_projection_lag_events{audit_events}"] == 1
    assert 1 <= found["token_ledger_projection_lag_seconds{audit_events}"] < 60
    assert found["token_ledger_projection_lag_events{security_hours}"] == 0
    assert 89 * DAY < found["token_ledger_partitions_left_seconds{}"] < 124 * DAY
    kinds = {name for name in found if name.startswith("token_ledger_key_age_seconds")}
    assert kinds == {f"token_ledger_key_age_seconds{{{kind}}}" for kind in ("access", "refresh", "log")}


async def test_who_leads_is_told_and_how_many_sessions_were_swept(server: Server) -> None:
    await server.login()
    server.elapsed += timedelta(days=31)
    around = Surroundings(
        offset=lambda: server.elapsed,
        sweeping=sweeper.Pace(),
        sealing=sealer.Pace(),
        projecting=runner.Pace(),
    )
    leading = Application(settings_of(server.database_url), server.database_url, surroundings=around)
    works = [f"token_ledger_leading{{{work}}}" for work in ("sealer", "sweeper", "projections")]
    async with leading.lifespan():
        await eventually(leading, lambda found: found["token_ledger_swept_sessions_total{}"])
        await eventually(leading, lambda found: all(found[one] for one in works))
        found = await eventually(leading, lambda found: "token_ledger_sweeper_age_seconds{}" in found)
        assert found["token_ledger_swept_sessions_total{}"] == 1
        assert found["token_ledger_events_appended_total{TokenExpired}"] == 1
        assert found["token_ledger_sweeper_failed_sessions{}"] == 0
    assert [(await scrape(leading))[one] for one in works] == [0, 0, 0]


async def test_open_websockets_are_counted(server: Server) -> None:
    pair = await server.login()
    async with listening(server) as place:
        async with place.opened(pair["accessToken"]):
            assert (await scrape(server.application))["token_ledger_live_connections{}"] == 1
        await eventually(server.application, lambda found: not found["token_ledger_live_connections{}"])


# ---------------------------------------------------------------------------------------------- the database


@asynccontextmanager
async def locked(database_url: str, table: str) -> AsyncIterator[None]:
    """Nobody can read the table meanwhile."""
    async with await psycopg.AsyncConnection.connect(database_url) as connection:
        await connection.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE".encode())
        yield


async def test_a_database_that_hangs_holds_up_no_scrape(server: Server) -> None:
    await server.login()
    async with locked(server.database_url, "log_state"):
        began = time.monotonic()
        found, beside = await asyncio.gather(scrape(server.application), scrape(server.application))
        assert time.monotonic() - began < 3
        assert found["token_ledger_database_up{}"] == beside["token_ledger_database_up{}"] == 0
        assert {name.partition("{")[0] for name in found}.isdisjoint(OF_THE_DATABASE)
        assert found["token_ledger_tokens_total{ISSUED}"] == 1
        await asyncio.sleep(1)
        in_use = server.application._reading.get_stats()["requests_num"]
        for _ in range(3):
            began = time.monotonic()
            assert (await scrape(server.application))["token_ledger_database_up{}"] == 0
            assert time.monotonic() - began < 3
        assert server.application._reading.get_stats()["requests_num"] <= in_use + 1
    found = await eventually(server.application, lambda found: found["token_ledger_database_up{}"])
    assert {name.partition("{")[0] for name in found} >= OF_THE_DATABASE


async def test_a_database_that_answers_nonsense_leaves_what_is_counted_here(server: Server) -> None:
    await server.login()
    server.execute("DELETE FROM log_state")
    found = await scrape(server.application)
    assert found["token_ledger_database_up{}"] == 0
    assert found["token_ledger_tokens_total{ISSUED}"] == 1


async def test_the_database_is_asked_once_a_second_however_many_ask(server: Server) -> None:
    await scrape(server.application)
    await asyncio.sleep(1)
    before = server.application._reading.get_stats()["requests_num"]
    await asyncio.gather(*(scrape(server.application) for _ in range(10)))
    assert server.application._reading.get_stats()["requests_num"] == before + 1


async def test_a_command_that_could_not_be_decided_is_counted(server: Server) -> None:
    pair = await server.login()
    before = await scrape(server.application)
    async with locked(server.database_url, "active_tokens"):
        answer = await server.http.graphql(REFRESH, {"input": {"refreshToken": pair["refreshToken"]}})
    assert answer.status == 503
    assert moved(before, await scrape(server.application), *COUNTERS) == {
        "commands_unavailable_total{}": 1,
        "http_request_duration_seconds_count{graphql_refresh,5xx}": 1,
        "http_request_duration_seconds_count{metrics,2xx}": 1,
    }


async def test_commands_whose_batch_fails_are_counted_as_tried_apart(server: Server) -> None:
    first, second = await server.login("ada"), await server.login("eva")
    before = await scrape(server.application)
    async with await psycopg.AsyncConnection.connect(server.database_url) as connection:
        await connection.execute(
            "SELECT FROM active_tokens WHERE family_id = %s FOR UPDATE", (first["session"]["id"],)
        )
        blocked, free = await asyncio.gather(
            server.http.graphql(REFRESH, {"input": {"refreshToken": first["refreshToken"]}}),
            server.http.graphql(REFRESH, {"input": {"refreshToken": second["refreshToken"]}}),
        )
    assert (blocked.status, free.status) == (503, 200)
    told = moved(before, await scrape(server.application), "token_ledger_commands_")
    assert told == {"commands_tried_apart_total{}": 2, "commands_unavailable_total{}": 1}


# ------------------------------------------------------------------------------------------- who may read it

OPEN = {"TOKEN_LEDGER_METRICS_ALLOW": "10.0.0.0/8,fd00::/8,::ffff:192.0.2.0/120"}
BEHIND = {**OPEN, "TOKEN_LEDGER_TRUSTED_PROXIES": "203.0.113.1"}


@pytest.mark.parametrize(
    ("environ", "address", "headers", "allowed"),
    [
        ({}, "127.0.0.1", {}, True),
        ({}, "127.9.9.9", {}, True),
        ({}, "::1", {}, True),
        ({}, "::ffff:127.0.0.1", {}, True),
        ({}, "10.1.2.3", {}, False),
        ({}, "", {}, False),
        ({}, "127.0.0.1", {"x-forwarded-for": "127.0.0.1"}, False),
        ({}, "127.0.0.1", {"forwarded": "for=127.0.0.1"}, False),
        ({}, "127.0.0.1", {"x-real-ip": "127.0.0.1"}, False),
        ({}, "127.0.0.1", {"via": "1.1 proxy"}, False),
        (OPEN, "127.0.0.1", {}, False),
        (OPEN, "10.1.2.3", {}, True),
        (OPEN, "::ffff:10.1.2.3", {}, True),
        (OPEN, "192.0.2.9", {}, True),
        (OPEN, "192.0.3.9", {}, False),
        (OPEN, "fd00::7", {}, True),
        (OPEN, "fe80::7", {}, False),
        (BEHIND, "203.0.113.1", {"x-forwarded-for": "10.1.2.3"}, True),
        (BEHIND, "203.0.113.1", {"x-forwarded-for": "10.1.2.3, 198.51.100.7"}, False),
        (BEHIND, "203.0.113.1", {"x-forwarded-for": "nonsense"}, False),
        (BEHIND, "203.0.113.1", {}, False),
        (BEHIND, "203.0.113.2", {"x-forwarded-for": "10.1.2.3"}, False),
        ({"TOKEN_LEDGER_METRICS_ALLOW": ""}, "127.0.0.1", {}, False),
        ({"TOKEN_LEDGER_METRICS_ALLOW": "0.0.0.0/0,::/0"}, "198.51.100.7", {}, True),
        ({"TOKEN_LEDGER_METRICS_ALLOW": "0.0.0.0/0,::/0"}, "2001:db8::7", {}, True),
    ],
)
async def test_only_allowed_networks_read(
    database_url: str, environ: Mapping[str, str], address: str, headers: Mapping[str, str], allowed: bool
) -> None:
    application = Application(settings_of(database_url, environ), database_url)
    answer = await Http(application, address=address).send("GET", "/metrics", headers=headers)
    if allowed:
        assert answer.status == 200
    else:
        told = b"This address may not read metrics: see TOKEN_LEDGER_METRICS_ALLOW.\n"
        assert (answer.status, answer.body) == (403, told)


# ------------------------------------------------------------------------------------------------- the README


async def test_the_readme_names_what_there_is(server: Server) -> None:
    await server.login()
    await server.sealed()
    server.execute("UPDATE sweeper_run SET leader = 'somebody', started_at = now(), finished_at = now()")
    families = list(text_string_to_metric_families(await text_of(server.application)))
    names = {one.name for one in families} | {one.name for family in families for one in family.samples}
    told = set(re.findall(r"token_ledger_[a-z_]+", README)) - ROLES
    assert len(told) > 10
    assert told <= names, told - names
