"""User-Agent headers: which program called."""

from __future__ import annotations

import subprocess
import sys

import pytest

from api.user_agent import user_agent_family

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:{0}.0) Gecko/20100101 Firefox/{0}.0"


@pytest.mark.parametrize(
    ("user_agent", "family"),
    [
        (FIREFOX.format(128), "Firefox"),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) Version/17.5 Mobile/15E148 Safari/604.1",
            "Mobile Safari",
        ),
        ("curl/8.5.0", "curl"),
    ],
)
def test_a_known_program_is_named_without_its_version(user_agent: str, family: str) -> None:
    assert user_agent_family(user_agent) == family


def test_an_update_of_the_browser_keeps_its_family() -> None:
    assert user_agent_family(FIREFOX.format(128)) == user_agent_family(FIREFOX.format(129))


@pytest.mark.parametrize("user_agent", [None, "", "no program of this name", "\x00\ud800\xff", "(" * 100_000])
def test_nothing_and_garbage_are_other(user_agent: str | None) -> None:
    assert user_agent_family(user_agent) == "Other"


def test_what_stands_after_512_characters_is_not_read() -> None:
    assert user_agent_family("x" * 511 + " " + FIREFOX.format(128)) == "Other"


def test_the_parser_is_not_loaded_before_it_is_asked() -> None:
    program = "import sys, api.user_agent; sys.exit('ua_parser' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
