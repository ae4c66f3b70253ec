"""The JavaScript of both READMEs does what they say; `readme/*.mjs` are what stands around each snippet."""

from __future__ import annotations

import json
import re
from pathlib import Path
from uuid import uuid4

import pytest

from tests.served import NO_LIMITS, free_port, run, served
from tests.web.node_project import CLIENT, node_project

pytestmark = pytest.mark.xdist_group("node")

README = (CLIENT.parents[1] / "README.md").read_text("utf-8")
PACKAGE_README = (CLIENT / "README.md").read_text("utf-8")
SNIPPETS = re.findall(r"^```js\n(.*?)^```$", README + PACKAGE_README, re.DOTALL | re.MULTILINE)
AROUND = sorted(
    file for file in (Path(__file__).parent / "readme").glob("*.mjs") if file.stem != "surroundings"
)
PLACE = re.compile(r'^// the snippet with "(.*)"$', re.MULTILINE)
SECURE_STORE = """
const held = new Map();
export const getItemAsync = async (key) => held.get(key) ?? null;
export const setItemAsync = async (key, value) => void held.set(key, value);
export const deleteItemAsync = async (key) => void held.delete(key);
"""
"""What a phone's `expo-secure-store` does, in memory."""


def snippet_of(around: str) -> str:
    """The one snippet that a file stands around."""
    (part,) = PLACE.findall(around)
    (snippet,) = [snippet for snippet in SNIPPETS if part in snippet]
    return snippet


def test_every_snippet_is_run() -> None:
    assert {snippet_of(file.read_text()) for file in AROUND} == set(SNIPPETS)


def test_the_snippets_do_what_they_say(
    database_url: str, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    project = node_project(tmp_path_factory.getbasetemp())
    store = project.directory / "node_modules" / "expo-secure-store"
    store.mkdir(exist_ok=True)
    (store / "package.json").write_text('{"type": "module", "exports": "./index.js"}')
    (store / "index.js").write_text(SECURE_STORE)
    orders = free_port()
    with served(database_url, NO_LIMITS) as server:
        for command in re.findall(r"`token-ledger (clients create phone [^`]*)`", README):
            assert run(command, server.environ).returncode == 0
        addresses = {
            "https://auth.example.com/client/token-ledger.js": "@token-ledger/client",
            "https://auth.example.com": server.url,
            "https://api.example.com": f"http://127.0.0.1:{orders}",
        }
        directory = project.directory / "readme"
        directory.mkdir()
        (directory / "surroundings.mjs").write_text((AROUND[0].parent / "surroundings.mjs").read_text())
        for file in AROUND:
            text = file.read_text()
            whole = PLACE.sub(lambda _: snippet_of(text), text)  # noqa: B023 - called at once
            for told, real in addresses.items():
                whole = whole.replace(told, real)
            (directory / file.name).write_text(whole)

        def somebody() -> dict[str, object]:
            subject = str(uuid4())
            return {"subject": subject, "assertions": [server.assertion(subject) for _ in range(2)]}

        people = {file.name: [somebody(), somebody()] for file in AROUND}
        service = tmp_path / "service.json"
        service.write_text(json.dumps({"url": server.url, "orders": orders, "people": people}))
        done = project.run(
            "node",
            "--test",
            "--test-reporter=spec",
            *(str(directory / file.name) for file in AROUND),
            environ={"TOKEN_LEDGER_TEST_SERVICE": str(service)},
        )
    assert done.returncode == 0, done.stdout + done.stderr
