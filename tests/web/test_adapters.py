"""The client's package and its adapters, with the libraries themselves against a real server."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from uuid import uuid4

import pytest

from tests.served import NO_LIMITS, served
from tests.web.node_project import CLIENT, PROJECT, NodeProject, node_project

pytestmark = pytest.mark.xdist_group("node")

ADAPTERS = ("apollo", "axios", "graphql-request", "urql")


@pytest.fixture
def project(tmp_path_factory: pytest.TempPathFactory) -> NodeProject:
    return node_project(tmp_path_factory.getbasetemp())


def test_the_adapters_work_with_their_libraries(
    project: NodeProject, database_url: str, tmp_path: Path
) -> None:
    with served(database_url, NO_LIMITS) as server:

        def somebody() -> dict[str, object]:
            subject = str(uuid4())
            return {"subject": subject, "assertions": [server.assertion(subject) for _ in range(3)]}

        people = {f"{name}.test.mjs": [somebody() for _ in range(6)] for name in ADAPTERS}
        service = tmp_path / "service.json"
        service.write_text(json.dumps({"url": server.url, "people": people}))
        done = project.run(
            "node",
            "--test",
            "--test-reporter=spec",
            *people,
            environ={"TOKEN_LEDGER_TEST_SERVICE": str(service)},
        )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_package_holds_exactly_what_is_meant(project: NodeProject) -> None:
    modules = ["token-ledger", *ADAPTERS]
    expected = [f"{name}.{ending}" for name in modules for ending in ("js", "d.ts")]
    assert project.packed == sorted([*expected, "LICENSE", "README.md", "package.json"])


def test_publint_finds_nothing_wrong_with_the_package(project: NodeProject) -> None:
    done = project.run("publint", "--strict", "--pack", "false", "node_modules/@token-ledger/client")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "All good" in done.stdout


def test_declarations_and_code_fit_one_another_and_the_libraries(project: NodeProject) -> None:
    options = (
        "--noEmit --strict --skipLibCheck --target es2022 --module nodenext --lib es2022,dom,dom.iterable"
    )
    javascript = "--allowJs --checkJs --maxNodeModuleJsDepth 0"
    sources = [f"node_modules/@token-ledger/client/{name}.js" for name in ("token-ledger", *ADAPTERS)]
    done = project.run("tsc", *options.split(), *javascript.split(), "types.ts", *sources)
    assert done.returncode == 0, done.stdout


def test_each_sub_path_and_peer_is_said_and_tested() -> None:
    package = json.loads((CLIENT / "package.json").read_text())
    assert set(package["exports"]) == {".", *(f"./{name}" for name in ADAPTERS)}
    assert set(package["peerDependenciesMeta"]) == set(package["peerDependencies"])
    assert all(meta == {"optional": True} for meta in package["peerDependenciesMeta"].values())
    assert "dependencies" not in package
    tested = json.loads((PROJECT / "package.json").read_text())["dependencies"]
    assert set(package["peerDependencies"]) <= set(tested)


def test_package_and_product_have_one_version_and_licence() -> None:
    root = CLIENT.parents[1]
    package = json.loads((CLIENT / "package.json").read_text())
    project_table = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    assert (package["version"], package["license"]) == (project_table["version"], project_table["license"])
    assert (CLIENT / "LICENSE").read_bytes() == (root / "LICENSE").read_bytes()


def test_the_lock_file_names_no_registry() -> None:
    lock = json.loads((PROJECT / "package-lock.json").read_text())
    assert all("resolved" not in package for package in lock["packages"].values())
    assert "://" not in json.dumps(lock)
