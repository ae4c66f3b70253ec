"""Cookie transport, cross-site rules and CORS."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.api.http import ORIGIN, Answer
from tests.api.server import LOGIN, LOGOUT, REFRESH, Server, running_server
from tests.api.test_tokens import granted, refused

NAME = "token-ledger"


def kept(answer: Answer) -> str:
    """The pair `name=value` that a browser keeps of an answer."""
    (header,) = answer.cookies
    return header.partition(";")[0]


async def sign_in(server: Server, **options: str) -> str:
    """A session in cookie mode; what the browser keeps."""
    answer = await server.login_answer(transport="COOKIE", **options)
    pair = granted(answer.of("login"), "ISSUED")
    assert pair["refreshToken"] is None
    return kept(answer)


async def test_the_token_travels_in_the_cookie_and_never_in_a_body(server: Server) -> None:
    first = await sign_in(server)
    answer = await server.refresh_cookie(first)
    assert granted(answer.of("refresh"), "ROTATED")["refreshToken"] is None
    second = kept(answer)
    replay = await server.refresh_cookie(first)
    assert granted(replay.of("refresh"), "REPLAYED")["refreshToken"] is None
    assert kept(replay) == second
    for cookie in (first, second):
        assert cookie.partition("=")[2].encode() not in answer.body + replay.body


async def test_tabs_that_race_are_settled_and_late_cookies_do_no_harm(server: Server) -> None:
    first = await sign_in(server)
    second = kept(await server.refresh_cookie(first))
    assert kept(await server.refresh_cookie(first)) == second
    settled = await server.refresh_cookie(second)
    assert granted(settled.of("refresh"), "REPLAYED")["session"]["generation"] == 1
    assert kept(settled) == second
    server.elapsed = timedelta(seconds=11)
    assert granted((await server.refresh_cookie(second)).of("refresh"), "ROTATED")


async def test_attributes_over_plain_http_on_loopback(server: Server) -> None:
    (header,) = (await server.login_answer(transport="COOKIE")).cookies
    name, *attributes = header.split("; ")
    assert name.startswith(f"{NAME}=tlrt_")
    assert attributes == ["Max-Age=604800", "Path=/", "HttpOnly", "SameSite=Strict"]


async def test_attributes_where_it_is_secure(database_url: str) -> None:
    async with running_server(database_url, {"TOKEN_LEDGER_COOKIE_SECURE": "on"}) as server:
        (header,) = (await server.login_answer(transport="COOKIE")).cookies
        assert header.startswith(f"__Host-{NAME}=tlrt_")
        assert header.endswith("; Path=/; HttpOnly; SameSite=Strict; Secure")


async def test_the_cookie_lives_until_the_idle_deadline_even_near_the_absolute_one(server: Server) -> None:
    cookie = await sign_in(server)
    for day in (6, 12, 18, 24, 29):
        server.elapsed = timedelta(days=day)
        answer = await server.refresh_cookie(cookie)
        cookie = kept(answer)
    (header,) = answer.cookies
    age = int(header.partition("Max-Age=")[2].partition(";")[0])
    assert 86_400 - 60 < age <= 86_400


async def test_what_came_by_cookie_is_not_answered_in_the_body(server: Server) -> None:
    cookie = await sign_in(server)
    answer = await server.http.graphql(REFRESH, {"input": {"transport": "BODY"}}, cookie=cookie)
    assert "cookie" in refused(answer.of("refresh"), "CSRF_FAILED")["message"]
    assert answer.cookies == []
    granted((await server.refresh_cookie(cookie)).of("refresh"), "ROTATED")


async def test_what_came_in_the_body_may_be_handed_to_a_browser(server: Server) -> None:
    pair = await server.login()
    given = {"input": {"refreshToken": pair["refreshToken"], "transport": "COOKIE"}}
    answer = await server.http.graphql(REFRESH, given)
    assert granted(answer.of("refresh"), "ROTATED")["refreshToken"] is None
    granted((await server.refresh_cookie(kept(answer))).of("refresh"), "ROTATED")


async def test_a_token_in_the_input_goes_before_the_cookie(server: Server) -> None:
    cookie, pair = await sign_in(server), await server.login("bob")
    given = {"input": {"refreshToken": pair["refreshToken"]}}
    answer = await server.http.graphql(REFRESH, given, cookie=cookie)
    assert answer.of("refresh")["session"]["id"] == pair["session"]["id"]
    assert answer.cookies == []


CROSS_SITE = [
    {"x-token-ledger": ""},
    {"x-token-ledger": "0"},
    {"origin": ""},
    {"origin": "null"},
    {"origin": "https://app.example.com.evil.example"},
    {"origin": "http://app.example.com"},
    {"origin": "https://APP.example.com"},
    {"origin": "https://app.example.com:443"},
    {"origin": "https://app.example.com/"},
]


@pytest.mark.parametrize("headers", CROSS_SITE)
async def test_cross_site_requests_with_the_cookie_are_refused(
    server: Server, headers: dict[str, str]
) -> None:
    cookie = await sign_in(server)
    for query, name in ((REFRESH, "refresh"), (LOGOUT, "logout")):
        answer = await server.http.graphql(query, cookie=cookie, headers=headers)
        problem = answer.of(name)
        assert problem["code"] == "CSRF_FAILED"
        assert answer.cookies == []
        if "origin" in headers:
            assert answer.header("access-control-allow-origin") is None
    given = {"input": {"assertion": server.assertion(), "transport": "COOKIE"}}
    answer = await server.http.graphql(LOGIN, given, headers=headers)
    refused(answer.of("login"), "CSRF_FAILED")
    assert answer.cookies == []
    granted((await server.http.graphql(LOGIN, given)).of("login"), "ISSUED")  # the assertion is still good
    granted((await server.refresh_cookie(cookie)).of("refresh"), "ROTATED")


async def test_body_transport_needs_neither_header_nor_origin(server: Server) -> None:
    plain = {"x-token-ledger": "", "origin": ""}
    given = {"input": {"assertion": server.assertion(), "transport": "BODY"}}
    pair = granted((await server.http.graphql(LOGIN, given, headers=plain)).of("login"), "ISSUED")
    given = {"input": {"refreshToken": pair["refreshToken"]}}
    granted((await server.http.graphql(REFRESH, given, headers=plain)).of("refresh"), "ROTATED")


async def test_a_missing_token_is_told_before_the_cross_site_check(server: Server) -> None:
    answer = await server.refresh_cookie(None, origin="https://evil.example")
    refused(answer.of("refresh"), "TOKEN_MISSING")


async def test_no_refusal_of_refresh_sets_or_clears_the_cookie(server: Server) -> None:
    cookie = await sign_in(server)
    second = kept(await server.refresh_cookie(cookie))
    server.set_subject(status="suspended")
    answers = [await server.refresh_cookie(second)]
    server.set_subject(status="active")
    answers.append(await server.refresh_cookie(f"{NAME}=nonsense"))
    answers.append(await server.refresh_cookie(second, **{"x-token-ledger": ""}))
    answers.append(await server.http.graphql(REFRESH, {"input": {"clientId": "other"}}, cookie=second))
    server.elapsed = timedelta(seconds=11)
    answers.append(await server.refresh_cookie(cookie))
    answers.append(await server.refresh_cookie(second))
    expired = await sign_in(server)
    server.elapsed = timedelta(days=8)
    answers.append(await server.refresh_cookie(expired))
    codes = [answer.of("refresh")["code"] for answer in answers]
    assert codes == [
        "SUBJECT_INACTIVE",
        "TOKEN_UNKNOWN",
        "CSRF_FAILED",
        "CLIENT_MISMATCH",
        "REUSE_DETECTED",
        "SESSION_REVOKED",
        "SESSION_EXPIRED",
    ]
    assert [answer.cookies for answer in answers] == [[]] * len(answers)


async def test_an_answered_logout_clears_the_cookie(server: Server) -> None:
    cookie = await sign_in(server)
    answer = await server.logout_answer(cookie=cookie)
    assert answer.of("logout")["revokedSessions"] == 1
    assert answer.cookies == [f"{NAME}=; Max-Age=0; Path=/; HttpOnly; SameSite=Strict"]
    again = await server.logout_answer(cookie=cookie)
    assert again.of("logout")["revokedSessions"] == 0
    assert len(again.cookies) == 1


async def test_a_logout_of_the_others_keeps_the_cookie(server: Server) -> None:
    cookie = await sign_in(server)
    await sign_in(server)
    answer = await server.logout_answer(cookie=cookie, scope="OTHERS")
    assert answer.of("logout")["revokedSessions"] == 1
    assert answer.cookies == []


async def test_of_several_cookies_the_one_of_this_name_is_read(server: Server) -> None:
    cookie = await sign_in(server)
    answer = await server.refresh_cookie(f"a=b; x{cookie}; {cookie}; c=d")
    granted(answer.of("refresh"), "ROTATED")


async def test_preflight_answers_allowed_origins_only(server: Server) -> None:
    asked = {"access-control-request-method": "POST", "access-control-request-headers": "x-token-ledger"}
    allowed = await server.http.send("OPTIONS", "/graphql", headers={"origin": ORIGIN, **asked})
    assert allowed.status == 204
    assert allowed.header("access-control-allow-origin") == ORIGIN
    assert allowed.header("access-control-allow-credentials") == "true"
    assert "X-Token-Ledger" in (allowed.header("access-control-allow-headers") or "")
    assert "Origin" in (allowed.header("vary") or "")
    for origin in ("https://evil.example", "null", "*", ORIGIN + ".evil.example"):
        other = await server.http.send("OPTIONS", "/graphql", headers={"origin": origin, **asked})
        assert not [name for name, _ in other.headers if name.startswith("access-control")]


async def test_answers_to_an_allowed_origin_can_be_read_by_it_errors_included(server: Server) -> None:
    for query in ("{ me { id } }", "{", "{ __typename }"):
        answer = await server.http.graphql(query)
        assert answer.header("access-control-allow-origin") == ORIGIN
        assert "X-Request-Id" in (answer.header("access-control-expose-headers") or "")
