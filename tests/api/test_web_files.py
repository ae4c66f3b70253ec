"""What browsers load: served from memory, with a strict policy, and nothing beside it."""

from __future__ import annotations

from pathlib import Path

import pytest
from starlette.applications import Starlette

from api.web_files import WebFiles
from tests.api.http import Answer, Http
from tests.api.server import Server, running_server

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'; "
    "require-trusted-types-for 'script'"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of every kind of file, with a secret beside it and links that lead there."""
    (tmp_path / "secret.js").write_text("secret")
    web = tmp_path / "web"
    made = {
        "secret.html": "secret",
        "client/token-ledger.js": "export const client = 1;",
        "client/axios.js": "export const axios = 1;",
        "client/package.json": "{}",
        "client/token-ledger.d.ts": "export {};",
        "client/page.html": "<p>client</p>",
        "client/tests/one.js": "export {};",
        "console/index.html": "<p>console</p>",
        "console/me.html": "<p>me</p>",
        "console/app.js": "export {};",
        "console/app.css": "p {}",
        "console/mark.svg": "<svg/>",
        "console/views/overview.js": "export const overview = 1;",
        "console/vendor/LICENSE": "secret",
        "console/notes.md": "secret",
        "example/index.html": "<p>example</p>",
        "example/app.js": "export {};",
    }
    for name, text in made.items():
        (web / name).parent.mkdir(parents=True, exist_ok=True)
        (web / name).write_text(text)
    (web / "console/linked.js").symlink_to(tmp_path / "secret.js")
    (web / "console/linked").symlink_to(tmp_path)
    return web


@pytest.fixture
def http(folder: Path) -> Http:
    return Http(Starlette(routes=WebFiles(example=True, folder=folder).routes))


async def get(http: Http, path: str, **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await http.send("GET", path, headers=named)


async def test_the_client_is_a_module_that_pages_of_every_origin_may_import(http: Http) -> None:
    for name, text in (("token-ledger", b"export const client = 1;"), ("axios", b"export const axios = 1;")):
        answer = await get(http, f"/client/{name}.js", origin="https://app.example.com")
        assert (answer.status, answer.body) == (200, text)
        assert answer.header("content-type") == "text/javascript; charset=utf-8"
        assert answer.header("access-control-allow-origin") == "*"
        assert answer.header("cross-origin-resource-policy") == "cross-origin"
        assert answer.header("access-control-allow-credentials") is None
        assert answer.header("x-content-type-options") == "nosniff"


async def test_of_the_client_only_its_modules_are_served(http: Http) -> None:
    for name in ("", "package.json", "token-ledger.d.ts", "page.html", "tests/one.js", "nothing.js"):
        assert (await get(http, f"/client/{name}")).status == 404, name


async def test_a_file_that_the_caller_holds_is_not_sent_again(http: Http) -> None:
    for path in ("/client/token-ledger.js", "/console/", "/console/app.css", "/example/app.js"):
        first = await get(http, path)
        etag = first.header("etag")
        assert etag is not None
        assert first.header("cache-control") == "no-cache"
        for held in (etag, f"W/{etag}", f'"other", {etag}', "*"):
            again = await get(http, path, if_none_match=held)
            assert (again.status, again.body) == (304, b""), held
            assert again.header("etag") == etag
            assert again.header("cache-control") == "no-cache"
            assert again.header("content-security-policy") == first.header("content-security-policy")
        other = await get(http, path, if_none_match='"other"')
        assert (other.status, other.body) == (200, first.body)


async def test_a_changed_file_has_another_tag(folder: Path, http: Http) -> None:
    before = (await get(http, "/console/app.js")).header("etag")
    (folder / "console/app.js").write_text("export const changed = 1;")
    assert (await get(http, "/console/app.js")).header("etag") == before  # read once
    restarted = Http(Starlette(routes=WebFiles(example=False, folder=folder).routes))
    after = await get(restarted, "/console/app.js")
    assert after.body == b"export const changed = 1;"
    assert after.header("etag") != before


async def test_every_file_of_the_console_has_the_strict_policy(http: Http) -> None:
    kinds = {
        "": "text/html; charset=utf-8",
        "app.js": "text/javascript; charset=utf-8",
        "app.css": "text/css; charset=utf-8",
        "mark.svg": "image/svg+xml",
        "views/overview.js": "text/javascript; charset=utf-8",
    }
    for name, kind in kinds.items():
        answer = await get(http, f"/console/{name}", origin="https://elsewhere.example")
        assert (answer.status, answer.header("content-type")) == (200, kind)
        assert answer.header("content-security-policy") == POLICY
        assert answer.header("cross-origin-opener-policy") == "same-origin"
        assert answer.header("cross-origin-resource-policy") == "same-origin"
        assert answer.header("referrer-policy") == "no-referrer"
        assert answer.header("x-content-type-options") == "nosniff"
        assert "camera=()" in (answer.header("permissions-policy") or "")
        assert answer.header("access-control-allow-origin") is None


async def test_a_deep_link_answers_the_page_that_shows_it(http: Http) -> None:
    for path in ("", "sessions", "sessions/0199-abcd", "subjects/ada.lovelace", "events/", "menu", "Björk"):
        answer = await get(http, f"/console/{path}")
        assert (answer.status, answer.body) == (200, b"<p>console</p>"), path
    for path in ("me", "me/", "me/devices"):
        answer = await get(http, f"/console/{path}")
        assert (answer.status, answer.body) == (200, b"<p>me</p>"), path


async def test_a_file_that_is_not_there_is_no_deep_link(http: Http) -> None:
    for path in ("nothing.js", "views/nothing.css", "me.html/app.js", "favicon.png"):
        assert (await get(http, f"/console/{path}")).status == 404, path


@pytest.mark.parametrize("base", ["/client", "/console", "/example"])
async def test_no_path_leads_out_of_the_folder(http: Http, base: str) -> None:
    for path in (
        "../secret.html",
        "../../secret.js",
        "..%2f..%2fsecret.js",
        "views/../../../secret.js",
        "..\\..\\secret.js",
        "/etc/passwd",
        "//etc/passwd",
        "linked.js",
        "linked/secret.js",
        "app.js\0.html",
        "index.html\0",
        "./app.js",
        "vendor//LICENSE.js",
        "..",
        "../",
        "x\ny",
    ):
        answer = await get(http, f"{base}/{path}")
        assert answer.status == 404, path
        assert b"secret" not in answer.body, path


async def test_other_files_of_the_folder_are_not_served(http: Http) -> None:
    for path in ("/console/vendor/LICENSE", "/console/notes.md"):
        assert b"secret" not in (await get(http, path)).body
    for path in ("/example/notes.md", "/example/deep/link", "/web/secret.html", "/secret.html"):
        assert (await get(http, path)).status == 404, path


async def test_a_folder_without_its_slash_leads_to_the_one_with_it(http: Http) -> None:
    for name in ("console", "example"):
        answer = await http.send("GET", f"/{name}", query="view=events")
        assert (answer.status, answer.header("location")) == (307, f"/{name}/?view=events")
        assert (await http.send("GET", f"/{name}")).header("location") == f"/{name}/"


async def test_head_tells_what_get_would(http: Http) -> None:
    for path in ("/client/token-ledger.js", "/console/", "/console/me", "/example/app.js"):
        told = await http.send("HEAD", path)
        assert (told.status, told.headers) == (200, (await get(http, path)).headers)


async def test_nothing_can_be_written(http: Http) -> None:
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        for path in ("/client/token-ledger.js", "/console/", "/console", "/console/app.js", "/example/"):
            answer = await http.send(method, path, body=b"x")
            assert answer.status == 405, (method, path)
            assert set((answer.header("allow") or "").split(", ")) == {"GET", "HEAD"}


async def test_what_the_folder_lacks_is_not_there(tmp_path: Path) -> None:
    http = Http(Starlette(routes=WebFiles(example=True, folder=tmp_path).routes))
    for path in ("/client/token-ledger.js", "/console/", "/console/me", "/example/"):
        assert (await get(http, path)).status == 404


async def test_the_example_is_for_development_alone(database_url: str) -> None:
    outside = {
        "TOKEN_LEDGER_DEVELOPMENT": "off",
        "TOKEN_LEDGER_ISSUER": "https://tokens.example.com",
        "TOKEN_LEDGER_COOKIE_SECURE": "on",
    }
    async with running_server(database_url, outside) as server:
        assert (await get(server.http, "/console/")).status == 200
        for path in ("/example", "/example/"):
            assert (await get(server.http, path)).status == 404


async def test_the_server_has_the_files_of_the_package(server: Server) -> None:
    for path in ("/console/", "/console/sessions", "/example/"):
        answer = await get(server.http, path)
        assert answer.status == 200
        assert answer.header("content-type") == "text/html; charset=utf-8"
        assert b"<script>" not in answer.body
        assert b"style=" not in answer.body
