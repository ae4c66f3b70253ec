"""`token-ledger demo`: the product's story, played over HTTP against a server of its own."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import secrets
import socket
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from uvicorn import Server

from api.application import Application
from api.cli.demo_links import demo_links
from api.cli.output import add_row, console, table
from api.cli.sessions import gist
from api.database import Database, prepare, service_connection
from api.development_issuer import development_secret, sign_development_assertion
from api.listener import address_of, listen
from api.log import configure_logging
from api.settings import Settings, load_settings
from api.worker import server_config
from ledger import clients

CLIENT = "demo"
GRACE_SECONDS = 3
_STARTED_WITHIN_SECONDS = 15

_PAIR = (
    "__typename ... on TokenPair { accessToken refreshToken outcome session { id generation } } "
    "... on AuthProblem { code message terminal }"
)
_LOGIN = f"mutation ($input: LoginInput!) {{ login(input: $input) {{ {_PAIR} }} }}"
_REFRESH = f"mutation ($input: RefreshInput) {{ refresh(input: $input) {{ {_PAIR} }} }}"
_HISTORY = """
query ($id: ID!) {
  session(id: $id) {
    status endedReason
    events { edges { node { version type occurredAt actor ipAddress userAgent data } } }
  }
}
"""
_BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
_THIEF = "curl/8.16.0"
_DIRECTLY = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""Not through a proxy that the environment names: the server is on this machine."""


class StepFailedError(Exception):
    """The walk did not go as it must."""


@dataclass(slots=True)
class _Walk:
    """Speaks to the server as a browser or a thief would."""

    url: str
    console: Console

    def ask(
        self,
        query: str,
        variables: Mapping[str, object],
        *,
        user_agent: str = _BROWSER,
        access_token: str | None = None,
    ) -> Any:
        """The data of an operation."""
        request = urllib.request.Request(  # noqa: S310 - always the server that was just started
            f"{self.url}/graphql",
            data=json.dumps({"query": query, "variables": variables}).encode(),
            headers={
                "Content-Type": "application/json",
                "Accept": "application/graphql-response+json",
                "User-Agent": user_agent,
                **({"Authorization": f"Bearer {access_token}"} if access_token else {}),
            },
        )
        try:
            with _DIRECTLY.open(request, timeout=10) as answer:
                told = json.load(answer)
        except urllib.error.HTTPError as error:
            raise StepFailedError(f"the server answered {error.code}: {error.read().decode()}") from None
        except OSError as error:
            raise StepFailedError(f"the server does not answer: {error}") from None
        if told.get("errors"):
            raise StepFailedError(f"the server answered {told['errors'][0]['message']}")
        return told["data"]

    def refresh(self, token: str, *, user_agent: str = _BROWSER) -> Any:
        """What a refresh with a token in the body answers."""
        return self.ask(_REFRESH, {"input": {"refreshToken": token}}, user_agent=user_agent)["refresh"]

    def finds(self, path: str, media_type: str) -> bool:
        """Whether a browser that goes there gets something of this kind."""
        try:
            with _DIRECTLY.open(f"{self.url}{path}", timeout=10) as answer:
                return bool(answer.headers.get_content_type() == media_type and answer.read())
        except OSError:
            return False

    def say(self, number: int, text: str) -> None:
        """One step, as it is played."""
        self.console.print(f"[bold cyan]{number}[/]  {text}")

    def held(self, condition: bool, what: str) -> None:
        """One outcome that the story promises.

        Raises:
            StepFailedError: it did not come about.
        """
        if not condition:
            raise StepFailedError(what)
        self.console.print(f"   [green]✓[/] {what}")


def play(url: str, settings: Settings, console: Console) -> None:
    """Walk through the product.

    Raises:
        StepFailedError: the server did something else than the story says.
    """
    walk = _Walk(url, console)
    walk.say(1, "Ada signs in: her identity provider's assertion becomes a session.")
    subject = f"demo-{secrets.token_hex(4)}"
    assertion = sign_development_assertion(
        development_secret(settings),
        subject=subject,
        audience=settings.issuer,
        claims={"email": "ada@example.org"},
        now=datetime.now(UTC),
        jti=secrets.token_hex(16),
    )
    first = walk.ask(
        _LOGIN,
        {
            "input": {
                "assertion": assertion,
                "clientId": CLIENT,
                "transport": "BODY",
                "deviceLabel": "Ada's laptop",
            }
        },
    )["login"]
    walk.held(first.get("outcome") == "ISSUED", "an access token and refresh token 0")

    walk.say(2, "Her browser refreshes: token 0 is replaced by token 1.")
    second = walk.refresh(first["refreshToken"])
    walk.held(second.get("outcome") == "ROTATED", "token 1, and token 0 is replaced")

    walk.say(
        3, "A second tab refreshes with token 0 a moment later: tabs race, and it is still in its window."
    )
    tab = walk.refresh(first["refreshToken"])
    walk.held(tab.get("outcome") == "REPLAYED", "nobody is signed out")
    walk.held(tab["refreshToken"] == second["refreshToken"], "and the tab got the very same token 1")

    walk.say(4, f"A thief has copied token 0, and uses it after its window of {GRACE_SECONDS} s.")
    time.sleep(GRACE_SECONDS + 0.2)
    theft = walk.refresh(first["refreshToken"], user_agent=_THIEF)
    walk.held(theft.get("code") == "REUSE_DETECTED", "REUSE_DETECTED: the thief gets nothing")
    after = walk.refresh(second["refreshToken"])
    walk.held(after.get("code") == "SESSION_REVOKED", "SESSION_REVOKED: the whole family has ended")

    walk.say(5, "Ada signs in again and looks at what happened to her session.")
    again = sign_development_assertion(
        development_secret(settings),
        subject=subject,
        audience=settings.issuer,
        claims={},
        now=datetime.now(UTC),
        jti=secrets.token_hex(16),
    )
    fresh = walk.ask(_LOGIN, {"input": {"assertion": again, "clientId": CLIENT, "transport": "BODY"}})[
        "login"
    ]
    history = walk.ask(_HISTORY, {"id": first["session"]["id"]}, access_token=fresh["accessToken"])["session"]
    events = [edge["node"] for edge in history["events"]["edges"]]
    console.print(_table(events))
    told = [event["type"] for event in events]
    walk.held(
        told == ["TOKEN_ISSUED", "TOKEN_ROTATED", "TOKEN_REPLAYED", "REUSE_DETECTED", "TOKEN_REVOKED"],
        "each step is an event of the ledger",
    )
    walk.held(
        history["status"] == "REVOKED" and history["endedReason"] == "REUSE", "the session is REVOKED: REUSE"
    )

    walk.say(6, "Frontends are served, too: a console, an example, and the client that both use.")
    walk.held(
        walk.finds("/console/", "text/html")
        and walk.finds("/example/", "text/html")
        and walk.finds("/client/token-ledger.js", "text/javascript"),
        "a browser finds console, example and client",
    )


def _table(events: list[Any]) -> Table:
    columns = ("", "event", "at (UTC)", "by", "from", "what")
    made = table(*columns, whole=frozenset(columns[:-1]), title="What happened to it")
    for event in events:
        agent = event["userAgent"] or "-"
        add_row(
            made,
            str(event["version"]),
            event["type"],
            event["occurredAt"][11:23],
            (event["actor"] or "-").partition(":")[0],
            f"{event['ipAddress'] or '-'} {agent.rpartition(' ')[2]}",
            gist(event["data"]),
        )
    return made


@click.command()
@click.option("--exit", "leave", is_flag=True, help="End after the walk: status 0 only if every step held.")
@click.option("--host", default="127.0.0.1", show_default=True, help="A loopback address.")
@click.option("--port", type=click.IntRange(0, 65535), help="Default: 8000, with --exit any free one.")
def command(leave: bool, host: str, port: int | None) -> None:
    """Start a server and walk through the product against it, over HTTP. Development mode is always on.

    With TOKEN_LEDGER_DATABASE_URL it plays on that database, else on the embedded one.
    """
    if port is None:
        port = 0 if leave else 8000
    load_settings(os.environ, host=host, port=port, demo=True)  # mistakes are told before a port is taken
    listener = listen(host, port)
    settings = load_settings(os.environ, host=host, port=listener.getsockname()[1], demo=True)
    configure_logging(settings.log_format, level=logging.WARNING)
    screen = console()
    with Database(settings) as database:
        asyncio.run(_prepare(settings, database))
        held = _serve_and_play(settings, database, listener, screen, leave=leave)
    sys.exit(0 if held else 1)


def _serve_and_play(
    settings: Settings, database: Database, listener: socket.socket, screen: Console, *, leave: bool
) -> bool:
    application = Application(settings, database.url, watch_database=database.watch)
    server = Server(server_config(lambda: application, workers=1))
    serving = threading.Thread(target=server.run, args=([listener],), daemon=True)
    serving.start()
    address = address_of(settings)
    try:
        _wait_until_started(server, serving)
        started = time.monotonic()
        play(address, settings, screen)
        screen.print(f"[green]Every step held[/] ({time.monotonic() - started:.1f} s).")
        if not leave:
            screen.print()
            for line in demo_links(settings, program=sys.argv[0], now=datetime.now(UTC)):
                screen.print(line, markup=False, soft_wrap=True)
            screen.print("Ctrl-C ends the server.")
            while serving.is_alive():
                serving.join(timeout=1)
    except StepFailedError as error:
        screen.print(f"[red]✗[/] {error}", highlight=False)
        return False
    except KeyboardInterrupt:
        screen.print("The server ends.")
    finally:
        server.should_exit = True
        serving.join(timeout=10)
    return True


async def _prepare(settings: Settings, database: Database) -> None:
    """Besides what every server needs: the demo's own client, with a short grace window."""
    now = datetime.now(UTC)
    await prepare(settings, database, now=now)
    async with service_connection(database.url) as connection:
        await clients.register(
            connection,
            client_id=CLIENT,
            policy={"grace": GRACE_SECONDS},
            now=now,
            random=os.urandom,
        )


def _wait_until_started(server: Server, serving: threading.Thread) -> None:
    deadline = time.monotonic() + _STARTED_WITHIN_SECONDS
    while not server.started:
        if not serving.is_alive() or time.monotonic() > deadline:
            raise StepFailedError("the server did not start")
        time.sleep(0.02)
