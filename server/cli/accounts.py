"""`dazzle account`."""

from __future__ import annotations

import sys

import click

from forum import accounts
from forum.keypairs import new_keypair
from forum.passwords import hash_password
from forum.ports import Services
from server.cli.session import with_services


@click.group()
def account() -> None:
    """People of this server."""


@account.command("create")
@click.argument("name")
@click.option("--role", type=click.Choice(["admin", "moderator", "member"]), default="member")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
def create(name: str, role: str, password_stdin: bool) -> None:
    """Make an account, whatever the sign-up mode says."""
    password = _read_password(from_stdin=password_stdin)
    accounts.check_name(name)
    accounts.check_password(password)

    async def make(services: Services) -> None:
        password_hash = await hash_password(password)
        keypair = await new_keypair()
        async with services.database.write() as conn:
            await accounts.create_account(
                conn,
                services.site,
                name=name,
                password_hash=password_hash,
                keypair=keypair,
                role=role,
                now=services.clock.now(),
            )

    with_services(make)
    click.echo(f"Made the account {name.strip().lower()} ({role}).")


def _read_password(*, from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        raise click.UsageError("give the password with --password-stdin")
    return str(click.prompt("Password", hide_input=True, confirmation_prompt=True))
