"""Log lines never hold a secret, wherever in them it stands, and stay one line of JSON each."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

TOKEN = "tlrt_" + "A" * 92
ASSERTION = "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJhZGEifQ.c2lnbmF0dXJl"
PROGRAM = f"""
import logging, sys
import structlog
from api.log import configure_logging
configure_logging(sys.argv[1])
log = structlog.get_logger("test")
log.info("event {TOKEN}", text="{ASSERTION}", number=1, nothing=None, yes=True)
log.info("nested", headers={{"authorization": "Bearer {ASSERTION}"}}, list=["{TOKEN}", ("{TOKEN}", 2)])
log.info("object", error=ValueError("postgresql://ada:swordfish@db/x"), raw=b"{TOKEN}")
try:
    raise ValueError("{TOKEN} and password=swordfish")
except ValueError:
    log.exception("failed")
    logging.getLogger("other").exception("of the standard library: %s", "{ASSERTION}")
logging.getLogger("other").info("many\\nlines")
"""


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_secrets_are_taken_out_of_every_kind_of_value(log_format: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, log_format], capture_output=True, text=True, check=True
    )
    assert done.stdout == ""
    for secret in (TOKEN, TOKEN[5:], ASSERTION, "swordfish"):
        assert secret not in done.stderr
    assert done.stderr.count("[redacted]") >= 9
    if log_format == "json":
        lines = [json.loads(line) for line in done.stderr.splitlines()]
        assert [line["event"].split()[0] for line in lines] == [
            "event",
            "nested",
            "object",
            "failed",
            "of",
            "many",
        ]
        assert (lines[0]["number"], lines[0]["nothing"], lines[0]["yes"]) == (1, None, True)
        assert "ValueError" in lines[3]["exception"]
