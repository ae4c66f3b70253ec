"""`token-ledger migrate`."""

from __future__ import annotations

import os

import click

from api import migrator
from api.database import Database, let_service_in, owner_connection
from api.settings import load_settings


@click.command()
@click.option("--dry-run", is_flag=True, help="Only say what would be applied.")
def command(dry_run: bool) -> None:
    """Bring the schema of the database up to date.

    Runs as the owner of the tables (TOKEN_LEDGER_MIGRATION_DATABASE_URL, else TOKEN_LEDGER_DATABASE_URL), and
    lets the login of TOKEN_LEDGER_DATABASE_URL take the roles of the service.
    """
    with Database(load_settings(os.environ)) as database, owner_connection(database) as connection:
        if dry_run:
            waiting = migrator.pending(connection)
            for migration in waiting:
                click.echo(f"would apply {migration.number:04} {migration.name}")
        else:
            waiting = migrator.migrate(
                connection, on_applied=lambda one: click.echo(f"applied {one.number:04} {one.name}")
            )
            let_service_in(connection, database)
    if not waiting:
        click.echo("the schema is up to date")
