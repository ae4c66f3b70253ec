"""The command `token-ledger`: its subcommands, and how what goes wrong is told.

What a command needs is imported when it runs, so that `--help` answers at once.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from io import TextIOWrapper

import click

_COMMANDS = {
    "assertion": "api.cli.assertion",
    "checkpoint": "api.cli.checkpoint",
    "clients": "api.cli.clients",
    "demo": "api.cli.demo",
    "doctor": "api.cli.doctor",
    "export": "api.cli.export",
    "events": "api.cli.events",
    "keys": "api.cli.keys",
    "migrate": "api.cli.migrate",
    "replay": "api.cli.replay",
    "retention": "api.cli.retention",
    "serve": "api.cli.serve",
    "sessions": "api.cli.sessions",
    "verify": "api.cli.verify",
    "verify-export": "api.cli.verify_export",
}
_HELP = {
    "assertion": "Sign a login assertion of the development issuer.",
    "checkpoint": "Print the latest signed checkpoint of the log.",
    "clients": "Register clients and set their rules.",
    "demo": "Start a server and walk through the product over HTTP.",
    "doctor": "Say what is unsafe or contradictory in the configuration.",
    "export": "Export the sealed log as files to be verified offline.",
    "events": "Print what happened, and go on as it happens.",
    "keys": "List, rotate, retire and revoke the keys of the deployment.",
    "migrate": "Bring the schema of the database up to date.",
    "replay": "Fold all events again and compare with the live view.",
    "retention": "Archive months that are old enough, and remove them.",
    "serve": "Run the server.",
    "sessions": "List sessions, show their history, and end them.",
    "verify": "Verify every event, the sealed log and the view.",
    "verify-export": "Verify an export offline: no database, no settings.",
}
USAGE_ERROR = 2
"""Exit status where the command line or the configuration cannot be used."""


class _Commands(click.Group):
    """Knows its subcommands by name and imports the one that is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - as above
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = import_module(_COMMANDS[cmd_name]).command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - as above
        with formatter.section("Commands"):
            formatter.write_dl(sorted(_HELP.items()))


@click.command(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="token-ledger")
def token_ledger() -> None:
    """Token Ledger: issues and rotates tokens, and keeps what happened to every session."""


def main() -> None:
    """Run a command. Expected failures are one line on standard error and exit status 2."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a terminal without these letters gets escapes, not a failure
            stream.reconfigure(errors="backslashreplace")
    try:
        status = token_ledger.main(prog_name="token-ledger", standalone_mode=False)
    except click.exceptions.Exit as error:
        sys.exit(error.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(130)
    except BrokenPipeError:  # whoever read the output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except Exception as error:
        line = _expected(error)
        if line is None:
            raise
        click.echo(f"token-ledger: {line}", err=True)
        sys.exit(USAGE_ERROR)
    sys.exit(status if isinstance(status, int) else 0)


def _expected(error: Exception) -> str | None:
    """The line that is told of a failure that an operator can mend; None: it is a fault of the program."""
    from api.failures import expected_failure  # noqa: PLC0415 - most commands never get here

    return expected_failure(error)
