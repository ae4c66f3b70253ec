"""GraphiQL: shown to a browser in development, from this server alone."""

from __future__ import annotations

import re

from tests.api.server import Server, running_server

BROWSER = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


async def test_a_browser_gets_a_page_whose_files_are_all_served_here(server: Server) -> None:
    page = await server.http.send("GET", "/graphql", headers=BROWSER)
    assert page.status == 200
    assert page.header("content-type") == "text/html; charset=utf-8"
    policy = page.header("content-security-policy") or ""
    assert "default-src 'none'; script-src 'self';" in policy
    addresses = re.findall(rb'(?:src|href)="([^"]*)"', page.body)
    assert len(addresses) == 6
    for address in addresses:
        if address == b"data:,":
            continue
        path, _, query = address.decode().partition("?")
        asset = await server.http.send("GET", path, query=query)
        assert asset.status == 200
        expected = "text/css" if path.endswith(".css") else "text/javascript"
        assert (asset.header("content-type") or "").startswith(expected)
        assert "immutable" in (asset.header("cache-control") or "")
        assert len(asset.body) > 1000
    assert b"<script>" not in page.body
    assert not re.search(rb"https?://", page.body)


async def test_nothing_else_is_served_beside_the_files(server: Server) -> None:
    for name in ("README.md", "..%2Fapplication.py", "../application.py", "LICENSE.react", ""):
        answer = await server.http.send("GET", f"/graphql/assets/{name}")
        assert answer.status == 404


async def test_whoever_asks_for_json_gets_json(server: Server) -> None:
    answer = await server.http.send("GET", "/graphql", query="query={__typename}", headers=BROWSER)
    assert answer.json == {"data": {"__typename": "Query"}}
    answer = await server.http.send("GET", "/graphql", headers={"accept": "application/json"})
    assert answer.status == 400


async def test_outside_development_there_is_no_page(database_url: str) -> None:
    async with running_server(database_url, {"TOKEN_LEDGER_INTROSPECTION": "off"}) as server:
        answer = await server.http.send("GET", "/graphql", headers=BROWSER)
        assert answer.status == 400
        assert (await server.http.send("GET", "/graphql/assets/start.js")).status == 404
