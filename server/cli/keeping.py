"""Commands that look after the data: migrate, seed, backup, restore, doctor."""

from __future__ import annotations

import asyncio

import click

from forum.ports import Services
from server import backup, prepare, seed
from server import doctor as checks
from server.cli.session import absolute, file_argument, settings, with_services
from server.database import reachable


@click.command("migrate")
def migrate_command() -> None:
    """Bring the database to this version, after a backup if it holds anything."""
    with reachable(settings()) as opened:
        prepare.bring_up_to_date(opened, click.echo)
        asyncio.run(prepare.introduce(opened))
    click.echo("The database is at this version.")


@click.command("seed")
@click.option("--which", type=click.Choice(["demo", "a", "b"]), default="demo", show_default=True)
def seed_command(which: str) -> None:
    """Fill an empty database with a lived-in demo, and print its logins."""

    async def fill(services: Services) -> list[str]:
        return [str(line) for line in await seed.seed(services, which=which)]

    with reachable(settings()) as opened:
        prepare.bring_up_to_date(opened, click.echo)
    for line in with_services(fill):
        click.echo(line)


@click.command("backup")
@file_argument()
def backup_command(file: str) -> None:
    """Write the database, media and keys to one FILE, and verify it."""
    with reachable(settings()) as opened:
        asyncio.run(backup.backup(opened, absolute(file)))
    click.echo(f"Wrote and verified {file}.")


@click.command("restore")
@file_argument()
def restore(file: str) -> None:
    """Bring back what a backup FILE holds, into an empty database and data directory."""
    with reachable(settings()) as opened:
        asyncio.run(backup.restore(opened, absolute(file)))
    click.echo(f"Restored {file}.")


@click.command("doctor")
def doctor() -> None:
    """Look for what is wrong with this installation, and say what to do."""
    problems = checks.examine(settings(), click.echo)
    if problems:
        raise click.ClickException(f"{problems} found wrong, see above.")
    click.echo("All is well.")
