"""GraphiQL's page and vendored files, without a server: what is named, served, licensed and unchanged."""

from __future__ import annotations

import hashlib
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette

import api
from api.graphiql_page import ASSETS, PAGE_HEADERS, GraphiQLPage

FOLDER = Path(api.__file__).parent / "graphiql_assets"
VENDORED = {"graphiql.min.css", "graphiql.min.js", "react.production.min.js", "react-dom.production.min.js"}
OURS = {"start.js"}
YEAR = "max-age=31536000"


class _Elements(HTMLParser):
    """The elements of a page with their attributes, and the texts inside scripts."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.inline_scripts: list[str] = []
        self.feed(page.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.elements and self.elements[-1][0] == "script" and data.strip():
            self.inline_scripts.append(data)

    @property
    def addresses(self) -> list[str]:
        named = (attributes.get(name) for _, attributes in self.elements for name in ("src", "href"))
        return [address for address in named if address is not None]


async def _request(page: GraphiQLPage, path: str, method: str = "GET") -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of what the routes answer."""
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [],
    }
    await Starlette(routes=page.routes)(scope, receive, send)
    headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], headers, b"".join(one.get("body", b"") for one in sent[1:])


@pytest.fixture(scope="module")
def page() -> GraphiQLPage:
    return GraphiQLPage()


def _named(page: GraphiQLPage) -> list[str]:
    return [one for one in _Elements(page.html).addresses if one != "data:,"]


async def test_each_file_that_the_page_names_is_served_with_its_type_and_kept_for_a_year(
    page: GraphiQLPage,
) -> None:
    names = set()
    for address in _named(page):
        path, _, digest = address.partition("?")
        name = path.removeprefix(f"{ASSETS}/")
        content = (FOLDER / name).read_bytes()
        assert digest == hashlib.sha256(content).hexdigest()[:16]
        status, headers, body = await _request(page, path)
        assert (status, body) == (200, content)
        kind = "text/css" if name.endswith(".css") else "text/javascript"
        assert headers["content-type"] == f"{kind}; charset=utf-8"
        assert YEAR in headers["cache-control"]
        assert headers["x-content-type-options"] == "nosniff"
        names.add(name)
    assert names == VENDORED | OURS


async def test_head_is_answered_like_get(page: GraphiQLPage) -> None:
    status, headers, _ = await _request(page, f"{ASSETS}/start.js", "HEAD")
    assert status == 200
    assert headers["content-length"] == str((FOLDER / "start.js").stat().st_size)


@pytest.mark.parametrize(
    "name",
    [
        "README.md",
        "LICENSE.react",
        "",
        "../graphiql_page.py",
        "../../pyproject.toml",
        "START.JS",
    ],
)
async def test_any_other_name_is_not_found(page: GraphiQLPage, name: str) -> None:
    status, _, _ = await _request(page, f"{ASSETS}/{name}")
    assert status == 404


async def test_files_cannot_be_posted_to(page: GraphiQLPage) -> None:
    status, _, _ = await _request(page, f"{ASSETS}/start.js", "POST")
    assert status == 405


def test_the_page_names_no_other_host_and_holds_no_inline_script(page: GraphiQLPage) -> None:
    elements = _Elements(page.html)
    assert all(address.startswith(f"{ASSETS}/") for address in _named(page))
    assert elements.inline_scripts == []
    assert [one for one, _ in elements.elements].count("script") == 4
    assert not any(name.startswith("on") for _, attributes in elements.elements for name in attributes)
    assert b"//" not in page.html


def test_the_policy_allows_this_server_only() -> None:
    policy = dict(PAGE_HEADERS)[b"content-security-policy"].decode()
    directives = {
        name: values.split() for name, _, values in (one.strip().partition(" ") for one in policy.split(";"))
    }
    assert directives["default-src"] == ["'none'"]
    assert directives["script-src"] == ["'self'"]
    assert directives["connect-src"] == ["'self'"]
    assert directives["frame-ancestors"] == directives["base-uri"] == directives["form-action"] == ["'none'"]
    allowed = {value for values in directives.values() for value in values}
    assert allowed == {"'none'", "'self'", "'unsafe-inline'", "data:"}
    assert [name for name, values in directives.items() if "'unsafe-inline'" in values] == ["style-src"]


def test_styles_load_nothing_and_no_file_names_a_source_map() -> None:
    styles = (FOLDER / "graphiql.min.css").read_text("utf-8")
    assert "@import" not in styles
    loaded = re.findall(r"url\(\s*[\"']?(.{5})", styles)
    assert set(loaded) == {"data:"}
    for name in VENDORED | OURS:
        assert "sourceMappingURL" not in (FOLDER / name).read_text("utf-8"), name


def test_each_vendored_file_is_the_one_that_the_readme_vouches_for() -> None:
    readme = (FOLDER / "README.md").read_text("utf-8")
    vouched = {name: digest for digest, name in re.findall(r"^([0-9a-f]{64})  (\S+)$", readme, re.MULTILINE)}
    assert vouched == {name: hashlib.sha256((FOLDER / name).read_bytes()).hexdigest() for name in VENDORED}


def test_each_vendored_file_has_its_licence_beside_it() -> None:
    readme = (FOLDER / "README.md").read_text("utf-8")
    rows = dict(re.findall(r"^\| `([^`]+)` \|[^|]*\|([^|]*)\|$", readme, re.MULTILINE))
    assert rows.keys() == VENDORED | OURS
    for name in VENDORED:
        licences = re.findall(r"`(LICENSE\.\w+)`", rows[name])
        assert licences, name
        for licence in licences:
            assert "Copyright" in (FOLDER / licence).read_text("utf-8"), licence


def test_what_is_bundled_is_licensed_too() -> None:
    licences = (FOLDER / "LICENSE.bundled").read_text("utf-8")
    for name in ("codemirror", "graphql", "markdown-it", "@headlessui/react", "Roboto 2.137 (font)"):
        assert f"\n{name}\n" in licences, name
    assert "Apache License" in licences
    assert "SIL OPEN FONT LICENSE Version 1.1" in licences
    fonts = set(
        re.findall(r"font-family: (Roboto|Fira Code);", (FOLDER / "graphiql.min.css").read_text("utf-8"))
    )
    assert fonts == {"Roboto", "Fira Code"}


def test_nothing_lies_in_the_folder_that_the_readme_does_not_name() -> None:
    readme = (FOLDER / "README.md").read_text("utf-8")
    for file in FOLDER.iterdir():
        assert file.name == "README.md" or f"`{file.name}`" in readme, file.name
