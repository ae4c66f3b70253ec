"""`token-ledger doctor`."""

from __future__ import annotations

import asyncio
import json
import os
import sys

import click

from api.cli.output import printable
from api.database import Database
from api.doctor.examine import Finding, examine
from api.doctor.gather import gather, schema_problem
from api.settings import load_settings


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def command(as_json: bool) -> None:
    """Say what is unsafe or contradictory in the configuration, in one line each; change nothing.

    Exit status 0 where nothing is, 1 where something is, 2 where the configuration cannot be used at all or
    the database does not answer.
    """
    settings = load_settings(os.environ)
    with Database(settings) as database:
        facts = asyncio.run(gather(settings, database.url, schema=schema_problem(database)))
    findings = examine(facts)
    if as_json:
        click.echo(json.dumps({"findings": [_plain(one) for one in findings]}, indent=2))
    elif findings:
        for one in findings:
            click.echo(printable(f"{one.check}: {one.message}"))
    else:
        click.echo("nothing unsafe or contradictory was found")
    sys.exit(1 if findings else 0)


def _plain(finding: Finding) -> dict[str, str]:
    return {"check": finding.check, "message": finding.message}
