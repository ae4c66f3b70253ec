"""`POST /oauth/token`: its grants, and its refusals in the words and statuses of OAuth."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import psycopg
import pytest

from tests.api.clients import basic, changed, new_client, opened
from tests.api.http import Answer, Http
from tests.api.server import LOGIN, Server, running_server
from tests.api.test_tokens import claims_of

BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
FORM = "application/x-www-form-urlencoded"


async def ask(
    server: Server,
    parameters: Mapping[str, str],
    headers: Mapping[str, str] | None = None,
    *,
    http: Http | None = None,
) -> Answer:
    """One request to the endpoint, and what holds of every answer of it."""
    answer = await (http or server.http).send(
        "POST",
        "/oauth/token",
        body=urlencode(parameters).encode(),
        headers={"content-type": FORM, **(headers or {})},
    )
    assert answer.header("cache-control") == "no-store"
    assert answer.header("content-type") == "application/json"
    assert answer.header("x-request-id")
    assert answer.cookies == []
    return answer


def granted(answer: Answer) -> Any:
    assert answer.status == 200, (answer.status, answer.body)
    assert answer.json["token_type"] == "Bearer"
    return answer.json


def refused(answer: Answer, status: int, error: str) -> Answer:
    told = answer.json
    assert (answer.status, told["error"]) == (status, error), (answer.status, told)
    assert list(told) == ["error", "error_description"]
    assert told["error_description"].isascii()
    assert (answer.header("retry-after") is not None) == (status in (429, 503))
    assert ((answer.header("www-authenticate") or "").startswith("Basic ")) == (status == 401)
    return answer


async def refresh(
    server: Server, token: str, headers: Mapping[str, str] | None = None, **more: str
) -> Answer:
    return await ask(server, {"grant_type": "refresh_token", "refresh_token": token, **more}, headers)


# -------------------------------------------------------------------------------------- client_credentials


async def test_a_client_gets_a_token_for_itself_with_the_scopes_it_may_have(server: Server) -> None:
    secret = await new_client(server, "auditor", "access_ttl=5m", scopes=["audit:read", "sessions:admin"])
    told = granted(await ask(server, {"grant_type": "client_credentials"}, basic("auditor", secret)))
    assert set(told) == {"access_token", "token_type", "expires_in", "scope"}
    assert (told["expires_in"], told["scope"]) == (300, "audit:read sessions:admin")
    claims = claims_of(told["access_token"])
    assert (claims["sub"], claims["client_id"]) == ("auditor", "auditor")
    assert claims["scope"] == "audit:read sessions:admin"
    assert claims["exp"] - claims["iat"] == 300
    assert "sid" not in claims


async def test_that_token_is_good_for_what_its_scopes_allow_and_has_no_subject(server: Server) -> None:
    mutation = 'mutation { suspendSubject(subject: "eve", reason: "x") { __typename } }'
    secret = await new_client(server, "backend", scopes=["audit:read", "sessions:admin"])
    for scope, status in (("audit:read", 403), ("sessions:admin", 200)):
        asked = {"grant_type": "client_credentials", "scope": scope}
        told = granted(await ask(server, asked, basic("backend", secret)))
        assert told["scope"] == scope
        answer = await server.http.graphql(mutation, access_token=told["access_token"])
        assert answer.status == status
        assert (await server.http.graphql("{ me { id } }", access_token=told["access_token"])).of(
            "me"
        ) is None


async def test_a_scope_that_the_client_may_not_have_is_refused_whole(server: Server) -> None:
    secret = await new_client(server, "backend", scopes=["audit:read"])
    for scope in ("sessions:admin", "audit:read sessions:admin", "audit:rea", 'audit:read"'):
        asked = {"grant_type": "client_credentials", "scope": scope}
        refused(await ask(server, asked, basic("backend", secret)), 400, "invalid_scope")
    none = await new_client(server, "idle")
    told = granted(await ask(server, {"grant_type": "client_credentials"}, basic("idle", none)))
    assert "scope" not in told
    assert "scope" not in claims_of(told["access_token"])


async def test_scopes_and_lifetime_of_a_client_change_within_a_second(server: Server) -> None:
    clock = [0.0]
    server.application._oauth_token._client_authenticator._monotonic = lambda: clock[0]
    secret = await new_client(server, "backend")
    granted(await ask(server, {"grant_type": "client_credentials"}, basic("backend", secret)))
    await changed(server, "backend", "access_ttl=60s")
    clock[0] = 1.0
    told = granted(await ask(server, {"grant_type": "client_credentials"}, basic("backend", secret)))
    assert told["expires_in"] == 60


async def test_only_a_client_that_proves_itself_gets_a_token_for_itself(server: Server) -> None:
    grant = {"grant_type": "client_credentials"}
    secret = await new_client(server, "backend")
    refused(await ask(server, grant), 401, "invalid_client")
    refused(await ask(server, grant | {"client_id": "web"}), 400, "unauthorized_client")
    refused(await ask(server, grant | {"client_id": "backend"}), 401, "invalid_client")
    refused(await ask(server, grant | {"client_id": "nobody"}), 401, "invalid_client")
    given = {"client_id": "backend", "client_secret": secret}
    refused(await ask(server, grant | given), 401, "invalid_client")
    refused(await ask(server, grant | given, basic("backend", secret)), 401, "invalid_client")
    for headers in (
        basic("backend", secret[:-2]),
        basic("backend", secret.lower()),
        basic("web", ""),
        basic("nobody", secret),
        {"authorization": f"Bearer {secret}"},
        {"authorization": "Basic ?"},
    ):
        refused(await ask(server, grant, headers), 401, "invalid_client")
    other = basic("backend", secret)
    refused(await ask(server, grant | {"client_id": "web"}, other), 400, "invalid_request")
    assert granted(await ask(server, grant | {"client_id": "backend"}, other))


# ------------------------------------------------------------------------------------------- refresh_token


async def test_a_refresh_token_is_redeemed_by_the_same_rules(server: Server) -> None:
    pair = await server.login()
    told = granted(await refresh(server, pair["refreshToken"]))
    assert set(told) == {"access_token", "token_type", "expires_in", "refresh_token"}
    assert 850 < told["expires_in"] <= 900
    assert claims_of(told["access_token"])["sid"] == pair["session"]["id"]
    again = granted(await refresh(server, pair["refreshToken"], client_id="web"))
    assert again["refresh_token"] == told["refresh_token"]
    third = await server.refresh(told["refresh_token"])
    assert third["outcome"] == "ROTATED"
    assert server.recorded(pair["session"]["id"]) == [
        "TokenIssued",
        "TokenRotated",
        "TokenReplayed",
        "TokenRotated",
    ]


async def test_parallel_requests_get_one_successor(server: Server) -> None:
    pair = await server.login()
    answers = await asyncio.gather(*(refresh(server, pair["refreshToken"]) for _ in range(20)))
    assert len({granted(one)["refresh_token"] for one in answers}) == 1


async def test_what_ends_a_session_for_good_is_invalid_grant(server: Server) -> None:
    refused(await refresh(server, "nonsense"), 400, "invalid_grant")
    refused(await refresh(server, (await server.login())["accessToken"]), 400, "invalid_grant")
    first = await server.login()
    granted(await refresh(server, first["refreshToken"]))
    server.elapsed += timedelta(seconds=11)
    reuse = refused(await refresh(server, first["refreshToken"]), 400, "invalid_grant")
    assert "replaced" in reuse.json["error_description"]
    ended = refused(await refresh(server, first["refreshToken"]), 400, "invalid_grant")
    assert "replaced" not in ended.json["error_description"]
    old = await server.login()
    server.elapsed += timedelta(days=8)
    refused(await refresh(server, old["refreshToken"]), 400, "invalid_grant")


async def test_reuse_can_be_hidden_here_too(database_url: str) -> None:
    async with running_server(database_url, {"TOKEN_LEDGER_HIDE_REUSE": "on"}) as server:
        pair = await server.login()
        granted(await refresh(server, pair["refreshToken"]))
        server.elapsed += timedelta(seconds=11)
        reuse = refused(await refresh(server, pair["refreshToken"]), 400, "invalid_grant")
        ended = refused(await refresh(server, pair["refreshToken"]), 400, "invalid_grant")
        assert reuse.json == ended.json


async def test_what_may_pass_is_never_invalid_grant(server: Server) -> None:
    await changed(server, "web", "rate_per_family=1/minute")
    pair = await server.login()
    second = granted(await refresh(server, pair["refreshToken"]))["refresh_token"]
    limited = refused(await refresh(server, second), 429, "temporarily_unavailable")
    assert 50 < int(limited.header("retry-after") or "") <= 60
    server.elapsed += timedelta(minutes=2)
    server.set_subject(status="suspended")
    refused(await refresh(server, second), 400, "access_denied")
    server.set_subject(status="active")
    assert granted(await refresh(server, second))


async def test_limits_of_the_address_hold_and_are_429(database_url: str) -> None:
    environ = {
        "TOKEN_LEDGER_REFRESH_RATE_PER_ADDRESS": "6/minute",
        "TOKEN_LEDGER_UNKNOWN_TOKEN_RATE": "2/minute",
    }
    async with running_server(database_url, environ) as server:
        token = (await server.login())["refreshToken"]
        for _ in range(2):
            refused(await refresh(server, "nonsense"), 400, "invalid_grant")
        refused(await refresh(server, "nonsense"), 429, "temporarily_unavailable")
        assert granted(await refresh(server, token))
        refused(await ask(server, {"grant_type": "other"}), 400, "unsupported_grant_type")
        refused(await refresh(server, token), 429, "temporarily_unavailable")
        assert (await server.refresh(token))["code"] == "RATE_LIMITED"
        elsewhere = Http(server.application, address="198.51.100.1")
        answer = await ask(server, {"grant_type": "refresh_token", "refresh_token": token}, http=elsewhere)
        assert granted(answer)


async def test_a_database_that_hangs_is_503_and_the_token_is_still_good(server: Server) -> None:
    token = (await server.login())["refreshToken"]
    with psycopg.connect(server.database_url) as blocker:
        blocker.execute("LOCK TABLE active_tokens IN ACCESS EXCLUSIVE MODE")
        started = asyncio.get_running_loop().time()
        refused(await refresh(server, token), 503, "temporarily_unavailable")
        assert asyncio.get_running_loop().time() - started < 5
    assert granted(await refresh(server, token))


async def test_a_session_of_a_confidential_client_is_redeemed_by_it_alone(server: Server) -> None:
    headers = basic("backend", await new_client(server, "backend"))
    other = basic("other", await new_client(server, "other"))
    given = {"assertion": server.assertion(), "transport": "BODY", "clientId": "backend"}
    answer = await server.http.graphql(LOGIN, {"input": given}, headers=headers)
    token = opened(answer.of("login"))["refreshToken"]
    refused(await refresh(server, token), 401, "invalid_client")
    refused(await refresh(server, token, client_id="backend"), 401, "invalid_client")
    refused(await refresh(server, token, client_id="web"), 400, "invalid_grant")
    refused(await refresh(server, token, other), 400, "invalid_grant")
    refused(await refresh(server, token, basic("backend", "guessed")), 401, "invalid_client")
    assert granted(await refresh(server, token, headers))


async def test_a_session_with_scopes_tells_them_whatever_is_asked(server: Server) -> None:
    assertion = server.assertion(scope="sessions:admin nonsense")
    told = granted(await ask(server, {"grant_type": BEARER, "assertion": assertion}))
    assert told["scope"] == "sessions:admin"
    answer = granted(await refresh(server, told["refresh_token"], scope="audit:read"))
    assert answer["scope"] == "sessions:admin"
    assert claims_of(answer["access_token"])["scope"] == "sessions:admin"


# ---------------------------------------------------------------------------------------------- jwt-bearer


async def test_an_assertion_opens_a_session_once(server: Server) -> None:
    given = {"grant_type": BEARER, "assertion": server.assertion("ada", email="ada@example.org")}
    told = granted(await ask(server, given))
    claims = claims_of(told["access_token"])
    assert (claims["sub"], claims["client_id"], claims["email"]) == ("ada", "web", "ada@example.org")
    refused(await ask(server, given), 400, "invalid_grant")
    assert (await server.refresh(told["refresh_token"]))["outcome"] == "ROTATED"
    refused(await ask(server, {"grant_type": BEARER, "assertion": "nonsense"}), 400, "invalid_grant")
    refused(await ask(server, {"grant_type": BEARER}), 400, "invalid_request")


async def test_an_assertion_grants_no_scope_that_it_does_not_hold(server: Server) -> None:
    for held, asked in (("sessions:admin", "sessions:admin audit:read"), ("", "sessions:admin")):
        given = {"grant_type": BEARER, "assertion": server.assertion(scope=held)}
        refused(await ask(server, given | {"scope": asked}), 400, "invalid_scope")
        told = granted(await ask(server, given | {"scope": held}))
        assert told.get("scope", "") == held


async def test_the_session_is_of_the_client_that_asks_and_its_limit_holds(server: Server) -> None:
    headers = basic("backend", await new_client(server, "backend", "max_sessions=1"))

    def given() -> dict[str, str]:
        return {"grant_type": BEARER, "assertion": server.assertion()}

    refused(await ask(server, given() | {"client_id": "backend"}), 401, "invalid_client")
    told = granted(await ask(server, given(), headers))
    assert claims_of(told["access_token"])["client_id"] == "backend"
    refused(await ask(server, given(), headers), 400, "access_denied")


# ------------------------------------------------------------------------------------------- the request


@pytest.mark.parametrize(
    ("parameters", "error"),
    [
        ({}, "invalid_request"),
        ({"grant_type": ""}, "invalid_request"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"grant_type": "refresh_token"}, "invalid_request"),
        ({"grant_type": "refresh_token", "refresh_token": ""}, "invalid_request"),
        ({"grant_type": "refresh_token", "refresh_token": "a\x00b"}, "invalid_request"),
    ],
)
async def test_what_is_missing_or_unknown_is_told(
    server: Server, parameters: dict[str, str], error: str
) -> None:
    refused(await ask(server, parameters), 400, error)


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"grant_type=refresh_token&grant_type=refresh_token", FORM, 400),
        (b"grant_type=refresh_token&x=1&x=", FORM, 400),
        (b"grant_type=%ff", FORM, 400),
        (b"grant_type=\xc3\xbc", FORM, 400),
        (b"&".join(b"p%d=1" % number for number in range(60)), FORM, 400),
        (b'{"grant_type": "refresh_token"}', "application/json", 415),
        (b"grant_type=refresh_token", "", 415),
        (b"grant_type=refresh_token", "application/x-www-form-urlencoded; charset=latin-1", 415),
        (b"x=" + b"1" * 70_000, FORM, 413),
    ],
)
async def test_what_is_no_form_is_refused_before_anything_is_read_of_it(
    server: Server, body: bytes, content_type: str, status: int
) -> None:
    answer = await server.http.send(
        "POST", "/oauth/token", body=body, headers={"content-type": content_type} if content_type else {}
    )
    refused(answer, status, "invalid_request")


async def test_only_post_is_taken_and_parameters_of_the_address_are_not_read(server: Server) -> None:
    for method in ("GET", "PUT", "HEAD", "OPTIONS", "DELETE"):
        answer = await server.http.send(method, "/oauth/token", query="grant_type=refresh_token")
        assert (answer.status, answer.header("allow")) == (405, "POST")
    token = (await server.login())["refreshToken"]
    answer = await server.http.send(
        "POST",
        "/oauth/token",
        query=urlencode({"grant_type": "refresh_token", "refresh_token": token}),
        headers={"content-type": FORM},
    )
    refused(answer, 400, "invalid_request")


async def test_a_cookie_is_neither_read_nor_set(server: Server) -> None:
    answer = await server.login_answer(transport="COOKIE")
    cookie = answer.cookies[0].partition(";")[0]
    headers = {"cookie": cookie}
    refused(await ask(server, {"grant_type": "refresh_token"}, headers), 400, "invalid_request")
