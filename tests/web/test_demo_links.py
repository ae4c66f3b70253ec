"""What `token-ledger demo` prints when it stays up: a browser opens it, and is signed in."""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import jwt
import pytest
from playwright.async_api import Browser, Page, expect

from tests.api.server import LOGIN, SECRET_KEY
from tests.conftest import database_copy
from tests.served import COMMAND, free_port
from tests.web.watching import Watch


@pytest.fixture(scope="module")
def environ(browser: Browser, server_url: str, template: str) -> Iterator[dict[str, str]]:
    """Of the demo and of the commands beside it."""
    with database_copy(server_url, template) as url:
        yield {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(Path(__file__).parents[2]),
            "HOME": "/nonexistent",
            "TOKEN_LEDGER_DATABASE_URL": url,
            "TOKEN_LEDGER_DEVELOPMENT": "on",
            "TOKEN_LEDGER_SECRET_KEY": SECRET_KEY,
            "TOKEN_LEDGER_CHECKPOINT_FILE": "off",
        }


@pytest.fixture(scope="module")
def told(environ: dict[str, str]) -> Iterator[str]:
    """All that the demo printed until it said how to end it; it runs meanwhile."""
    command = [COMMAND, "demo", "--port", str(free_port())]
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True) as demo:
        try:
            assert demo.stdout is not None
            lines: list[str] = []
            while "Ctrl-C" not in (line := demo.stdout.readline()):
                assert line, "".join(lines)
                lines.append(line)
            yield "".join(lines)
            demo.send_signal(signal.SIGINT)
            demo.stdout.read()
            assert demo.wait(timeout=15) == 0
        finally:
            demo.kill()


def link(told: str, name: str) -> str:
    """The address after a name, whole on its line."""
    (found,) = re.findall(rf"^{name} +(http\S+)$", told, re.MULTILINE)
    return str(found)


def output(command: list[str], environ: dict[str, str]) -> str:
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=True, timeout=30)
    return done.stdout.strip()


async def test_the_link_of_the_example_signs_in(told: str, page: Page, watch: Watch) -> None:
    watch.hosts.add("localhost")  # with a cookie of its own beside the console's
    address = link(told, "Example")
    assert address.startswith("http://localhost:")
    await page.goto(address)
    await expect(page.get_by_role("heading", name="Signed in as ada")).to_be_visible()
    await page.get_by_role("button", name="Call the API").click()
    await expect(page.get_by_role("log")).to_contain_text("ada has 1 active session")
    assert "assertion" not in page.url


async def test_the_link_of_the_console_is_of_somebody_who_may_read_everything(told: str, page: Page) -> None:
    address, _, assertion = link(told, "Console").partition("#assertion=")
    answer = await page.goto(address)
    assert answer is not None
    assert answer.status == 200
    async with httpx.AsyncClient() as http:
        variables = {"input": {"assertion": assertion, "transport": "BODY"}}
        url = f"{address.removesuffix('/console/')}/graphql"
        given = await http.post(url, json={"query": LOGIN, "variables": variables})
    token = given.json()["data"]["login"]["accessToken"]
    claims = jwt.decode(token, options={"verify_signature": False})
    assert (claims["sub"], claims["scope"]) == ("analyst", "audit:read sessions:admin")


async def test_the_commands_print_assertions_for_later(
    told: str, environ: dict[str, str], page: Page, watch: Watch
) -> None:
    watch.hosts.add("localhost")
    commands = [shlex.split(line) for line in told.splitlines() if " assertion --subject " in line]
    assert [command[1:4] for command in commands] == [
        ["assertion", "--subject", "analyst"],
        ["assertion", "--subject", "ada"],
    ]
    assert [command[0] for command in commands] == [str(COMMAND)] * 2
    printed = await asyncio.gather(*(asyncio.to_thread(output, command, environ) for command in commands))
    for command, assertion in zip(commands, printed, strict=True):
        await page.goto("about:blank")
        await page.goto(f"{link(told, 'Example').partition('#')[0]}#assertion={assertion}")
        await expect(page.locator("#who")).to_have_text(command[3])
