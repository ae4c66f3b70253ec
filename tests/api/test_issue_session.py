"""`issueSession`: a backend opens sessions for its users, as its scope and the client's allow."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.clients import basic, new_client
from tests.api.http import Answer
from tests.api.server import PAIR, REFRESH, Server
from tests.api.test_tokens import claims_of, granted, refused

ISSUE = f"mutation ($input: IssueSessionInput!) {{ issueSession(input: $input) {{ {PAIR} }} }}"


async def backend(server: Server, *scopes: str, name: str = "shop") -> str:
    """The access token of a confidential client for itself."""
    secret = await new_client(server, name, scopes=scopes)
    answer = await server.http.send(
        "POST",
        "/oauth/token",
        body=b"grant_type=client_credentials",
        headers={"content-type": "application/x-www-form-urlencoded", **basic(name, secret)},
    )
    assert answer.status == 200, answer.body
    return str(answer.json["access_token"])


async def issue(server: Server, token: str, **given: Any) -> Answer:
    return await server.http.graphql(ISSUE, {"input": {"subject": "ada", **given}}, access_token=token)


async def test_a_backend_opens_a_session_that_the_browsers_client_refreshes(server: Server) -> None:
    token = await backend(server, "sessions:issue")
    answer = await issue(
        server,
        token,
        claims={"email": "ada@example.org", "plan": 2},
        deviceLabel="kiosk",
        ipAddress="2001:DB8::1",
        userAgent="Kiosk/1",
    )
    pair = granted(answer.of("issueSession"), "ISSUED")
    assert answer.cookies == []
    assert answer.header("cache-control") == "no-store"
    claims = claims_of(pair["accessToken"])
    assert (claims["sub"], claims["client_id"], claims["email"], claims["plan"]) == (
        "ada",
        "web",
        "ada@example.org",
        2,
    )
    second = granted(await server.refresh(pair["refreshToken"]), "ROTATED")
    assert claims_of(second["accessToken"])["plan"] == 2
    rows = server.execute(
        "SELECT e.actor, p.data::json ->> 'address', p.data::json ->> 'user_agent',"
        " p.data::json ->> 'device_label' FROM events AS e JOIN personal_data AS p USING (stream_id, version)"
        " WHERE e.type = 'TokenIssued'"
    )
    assert rows == [("client:shop", "2001:db8::1", "Kiosk/1", "kiosk")]


async def test_what_is_not_said_of_the_user_is_not_taken_from_the_backend(server: Server) -> None:
    await issue(server, await backend(server, "sessions:issue"))
    rows = server.execute("SELECT address, user_agent FROM active_tokens")
    assert rows == [(None, None)]


async def test_for_itself_it_gets_the_scopes_that_it_may_have(server: Server) -> None:
    token = await backend(server, "sessions:issue", "sessions:admin")
    pair = granted(
        (await issue(server, token, clientId="shop", scope=["sessions:admin"])).of("issueSession"), "ISSUED"
    )
    assert claims_of(pair["accessToken"])["scope"] == "sessions:admin"
    refused(await server.refresh(pair["refreshToken"]), "CLIENT_MISMATCH")


@pytest.mark.parametrize("client", ["other", "nobody"])
async def test_for_another_confidential_client_or_none_it_gets_nothing(server: Server, client: str) -> None:
    token = await backend(server, "sessions:issue")
    await new_client(server, "other")
    refused((await issue(server, token, clientId=client)).of("issueSession"), "CLIENT_MISMATCH")
    assert server.execute("SELECT count(*) FROM active_tokens") == [(0,)]


async def test_without_the_scope_the_answer_is_403(server: Server) -> None:
    token = await backend(server, "sessions:admin")
    assert (await issue(server, token)).status == 403
    pair = await server.login()
    assert (await issue(server, pair["accessToken"])).status == 403
    assert (await server.http.graphql(ISSUE, {"input": {"subject": "ada"}})).status == 401


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"subject": ""}, "subject"),
        ({"subject": "x" * 256}, "subject"),
        ({"subject": "a\nb"}, "subject"),
        ({"claims": [1]}, "claims"),
        ({"claims": {"sub": "eve"}}, "claims"),
        ({"claims": {"scope": "sessions:admin"}}, "claims"),
        ({"claims": {"cnf": {}}}, "claims"),
        ({"claims": {"x": 1.5}}, "claims"),
        ({"claims": {"ä": 1}}, "claims"),
        ({"claims": {"x": "y" * 4096}}, "claims"),
        ({"scope": ["sessions:admin"]}, "scope"),
        ({"clientId": "x" * 256}, "clientId"),
        ({"deviceLabel": "x" * 101}, "deviceLabel"),
        ({"ipAddress": "nowhere"}, "ipAddress"),
        ({"userAgent": "x" * 513}, "userAgent"),
    ],
)
async def test_what_cannot_be_is_refused_by_its_name_and_nothing_is_opened(
    server: Server, given: dict[str, Any], named: str
) -> None:
    answer = await issue(server, await backend(server, "sessions:issue"), **given)
    assert answer.status == 294
    error = answer.json["errors"][0]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert f"`{named}`" in error["message"]
    assert server.execute("SELECT count(*) FROM active_tokens") == [(0,)]


async def test_a_suspended_subject_gets_no_session(server: Server) -> None:
    token = await backend(server, "sessions:issue")
    server.set_subject(status="suspended")
    refused((await issue(server, token)).of("issueSession"), "SUBJECT_INACTIVE")


async def test_it_is_one_of_the_mutations_that_stand_alone(server: Server) -> None:
    token = await backend(server, "sessions:issue")
    query = ISSUE[:-1] + " refresh { __typename } }"
    answer = await server.http.graphql(query, {"input": {"subject": "ada"}}, access_token=token)
    assert answer.status == 422
    assert (await server.http.graphql(REFRESH)).of("refresh")["code"] == "TOKEN_MISSING"
