"""The client, the console and the example for browsers: files of the folder `web`, served from memory.

Whatever is not in memory cannot be read, so that no path leads out of the folder.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path, PurePosixPath

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

_MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
}
"""Of the files that are served, by their ending. No other file is."""

_HEADERS = {
    "cache-control": "no-cache",  # kept, and asked about before each use: an upgrade is seen at once
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}
_CLIENT_HEADERS = {
    **_HEADERS,
    "access-control-allow-origin": "*",  # it holds no secret, and frontends of other origins import it
    "cross-origin-resource-policy": "cross-origin",
}
_PAGE_HEADERS = {
    **_HEADERS,
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
        "connect-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'; "
        "require-trusted-types-for 'script'"
    ),
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": (
        "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), magnetometer=(), "
        "microphone=(), midi=(), payment=(), usb=()"
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class WebFile:
    """A file as it is sent."""

    content: bytes
    media_type: str
    etag: str
    """Strong (RFC 9110 section 8.8.3), and of the bytes alone: every worker has the same."""


class WebFiles:
    """The routes of what the folder holds: `/client/`, `/console/` and, where it is wanted, `/example/`."""

    def __init__(self, *, example: bool, folder: Traversable | None = None) -> None:
        """`folder` is read now: None is the one of the package. What it lacks is answered 404."""
        folder = folder or files("web")
        self._client = {
            path: file for path, file in _read(folder / "client") if "/" not in path and path.endswith(".js")
        }
        self._console = dict(_read(folder / "console"))
        self._example = dict(_read(folder / "example")) if example else {}
        self.routes = [
            Route("/client/{path:path}", self._client_file, methods=["GET"]),
            Route("/console", _to_folder, methods=["GET"]),
            Route("/console/{path:path}", self._console_file, methods=["GET"]),
        ]
        if example:
            self.routes += [
                Route("/example", _to_folder, methods=["GET"]),
                Route("/example/{path:path}", self._example_file, methods=["GET"]),
            ]

    async def _client_file(self, request: Request) -> Response:
        return _answer(request, self._client.get(_path(request)), _CLIENT_HEADERS)

    async def _console_file(self, request: Request) -> Response:
        path = _path(request)
        return _answer(request, self._console.get(path) or _page(self._console, path), _PAGE_HEADERS)

    async def _example_file(self, request: Request) -> Response:
        return _answer(request, self._example.get(_path(request) or "index.html"), _PAGE_HEADERS)


def _read(folder: Traversable, above: str = "") -> Iterator[tuple[str, WebFile]]:
    """The files below a folder by their path in it; nothing where there is no such folder.

    Symbolic links are left out: what they lead to may lie elsewhere.
    """
    if not folder.is_dir():
        return
    for entry in folder.iterdir():
        path = f"{above}{entry.name}"
        if isinstance(entry, Path) and entry.is_symlink():
            continue
        if entry.is_dir():
            yield from _read(entry, f"{path}/")
        elif (media_type := _MEDIA_TYPES.get(PurePosixPath(path).suffix)) is not None:
            content = entry.read_bytes()
            etag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
            yield path, WebFile(content=content, media_type=media_type, etag=etag)


def _path(request: Request) -> str:
    """What stands below the folder, with escapes undone."""
    path: str = request.path_params["path"]
    return path


def _page(held: Mapping[str, WebFile], path: str) -> WebFile | None:
    """The page that shows a deep link: that of its first segment (`me.html` for `me`), else `index.html`.

    None where the path ends like a file, or is none that a browser would send: no page has such an address.
    """
    segments = path.removesuffix("/").split("/")
    if PurePosixPath(path).suffix in _MEDIA_TYPES or not path.isprintable() or "\\" in path:
        return None
    if path and any(segment in ("", ".", "..") for segment in segments):
        return None
    return held.get(f"{segments[0]}.html") or held.get("index.html")


async def _to_folder(request: Request) -> Response:
    """To the same address with a slash, which is what the page's own files are named from."""
    query = request.url.query
    return RedirectResponse(f"{request.url.path}/" + (f"?{query}" if query else ""), 307)


def _answer(request: Request, file: WebFile | None, headers: Mapping[str, str]) -> Response:
    if file is None:
        return Response(status_code=404, headers={"x-content-type-options": "nosniff"})
    told = {**headers, "etag": file.etag}
    if _is_held(request.headers.getlist("if-none-match"), file.etag):
        return Response(status_code=304, headers=told)
    return Response(file.content, media_type=file.media_type, headers=told)


def _is_held(if_none_match: list[str], etag: str) -> bool:
    """Whether the caller has the file already (RFC 9110 section 13.1.2): the comparison is weak."""
    held = [one.strip().removeprefix("W/") for line in if_none_match for one in line.split(",")]
    return etag in held or held == ["*"]
