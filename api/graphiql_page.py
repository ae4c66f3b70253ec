"""GraphiQL for a browser that opens `/graphql` in development: vendored, it works without a network."""

from __future__ import annotations

import hashlib
from importlib.resources import files

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

ASSETS = "/graphql/assets"
PAGE_HEADERS = (
    (
        b"content-security-policy",
        (
            b"default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
            b"font-src 'self' data:; connect-src 'self'; form-action 'none'; frame-ancestors 'none'; "
            b"base-uri 'none'"
        ),
    ),
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
)

_STYLES = ("graphiql.min.css",)
_SCRIPTS = ("react.production.min.js", "react-dom.production.min.js", "graphiql.min.js", "start.js")
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Token Ledger: GraphiQL</title>
<link rel="icon" href="data:,">
{styles}
<style>html, body, #graphiql {{ height: 100%; margin: 0 }}</style>
</head>
<body>
<div id="graphiql"></div>
{scripts}
</body>
</html>
"""


class GraphiQLPage:
    """The page and the files that it names, read once."""

    def __init__(self) -> None:
        folder = files("api") / "graphiql_assets"
        self._assets = {name: folder.joinpath(name).read_bytes() for name in (*_STYLES, *_SCRIPTS)}
        self.html = _PAGE.format(
            styles="\n".join(f'<link rel="stylesheet" href="{self._address(one)}">' for one in _STYLES),
            scripts="\n".join(f'<script src="{self._address(one)}" defer></script>' for one in _SCRIPTS),
        ).encode()
        self.routes = [Route(f"{ASSETS}/{{name}}", self._asset, methods=["GET"])]

    def _address(self, name: str) -> str:
        """With a digest of the file, so that it can be kept for long and is still the right one."""
        return f"{ASSETS}/{name}?{hashlib.sha256(self._assets[name]).hexdigest()[:16]}"

    async def _asset(self, request: Request) -> Response:
        content = self._assets.get(request.path_params["name"])
        if content is None:
            return Response(status_code=404)
        styles = request.path_params["name"] in _STYLES
        return Response(
            content,
            media_type="text/css" if styles else "text/javascript",
            headers={
                "cache-control": "public, max-age=31536000, immutable",
                "x-content-type-options": "nosniff",
            },
        )
