"""`token-ledger assertion`."""

from __future__ import annotations

import os
import secrets
from collections import Counter
from datetime import UTC, datetime
from typing import cast

import click

from api.cli.parameters import Text
from api.development_issuer import development_secret, sign_development_assertion
from api.settings import SettingsError, load_settings
from api.strict_json import StrictJsonError, parse_json
from ledger.canonical import Json


@click.command()
@click.option("--subject", required=True, type=Text(), metavar="S", help="The `sub`: who signs in.")
@click.option(
    "--claim",
    "claims",
    multiple=True,
    type=Text(),
    metavar="K=V",
    help="A claim of the session; V may be JSON.",
)
def command(subject: str, claims: tuple[str, ...]) -> None:
    """Print a login assertion of the development issuer, and nothing else. It is good for five minutes, once.

    For a server in development mode with the same TOKEN_LEDGER_SECRET_KEY or data directory.
    """
    settings = load_settings(os.environ)
    if not settings.development:
        raise SettingsError(
            "TOKEN_LEDGER_DEVELOPMENT must be on for this command: elsewhere trusted issuers sign assertions"
        )
    named = [_claim(one) for one in claims]
    twice = sorted(name for name, count in Counter(name for name, _ in named).items() if count > 1)
    if twice:
        raise click.BadParameter(f"{twice[0]!r} is given twice", param_hint="--claim")
    try:
        told = sign_development_assertion(
            development_secret(settings),
            subject=subject,
            audience=settings.issuer,
            claims=dict(named),
            now=datetime.now(UTC),
            jti=secrets.token_hex(16),
        )
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--claim") from None
    click.echo(told)


def _claim(text: str) -> tuple[str, Json]:
    """A name and its value: JSON where it is JSON, else the text as it stands."""
    name, separator, value = text.partition("=")
    if not separator or not name:
        raise click.BadParameter(f"{text!r} is not of the form name=value", param_hint="--claim")
    try:
        return name, cast("Json", parse_json(value.encode()))
    except StrictJsonError:
        return name, value
