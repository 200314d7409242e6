"""`dazzle account`."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import click

from forum import accounts
from forum.errors import Invalid
from forum.keypairs import new_keypair
from forum.passwords import hash_password
from forum.ports import Services
from forum.second_factor import replace_password
from server.cli.session import operator, with_database, with_services
from server.settings import Settings
from storage.accounts import read_by_name
from storage.db import Connection
from storage.sessions import Member

Decide = Callable[[Connection, Member, int, str, datetime], Awaitable[None]]


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


@account.command("password")
@click.argument("name")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
def password_command(name: str, password_stdin: bool) -> None:
    """Give somebody who lost it a new password; all devices are signed out, passkeys removed."""
    password = _read_password(from_stdin=password_stdin)
    accounts.check_password(password)
    password_hash = asyncio.run(hash_password(password))

    async def change(conn: Connection, settings: Settings) -> None:
        del settings
        await replace_password(conn, await _find(conn, name), password_hash)

    with_database(change)
    click.echo(f"Changed the password of {name.strip().lower()}.")


@account.command("suspend")
@click.argument("name")
@click.option("--reason", default="")
def suspend(name: str, reason: str) -> None:
    """Shut an account: it cannot sign in, and what it wrote is not seen."""
    _decide(accounts.suspend_account, name, reason)
    click.echo(f"Suspended {name.strip().lower()}.")


@account.command("unsuspend")
@click.argument("name")
@click.option("--reason", default="")
def unsuspend(name: str, reason: str) -> None:
    """Open an account that was suspended; what it wrote is seen again."""
    _decide(accounts.unsuspend_account, name, reason)
    click.echo(f"Opened {name.strip().lower()} again.")


@account.command("role")
@click.argument("name")
@click.argument("role", type=click.Choice(accounts.ROLES))
def role_command(name: str, role: str) -> None:
    """Say who runs this server or moderates it; all their devices are signed out."""

    async def change(conn: Connection, settings: Settings) -> None:
        person = await _find(conn, name)
        by = await operator(conn, settings)
        await accounts.change_role(conn, by, person, role, datetime.now(UTC))

    with_database(change)
    click.echo(f"{name.strip().lower()} is now: {role}.")


def _decide(use_case: Decide, name: str, reason: str) -> None:
    async def decide(conn: Connection, settings: Settings) -> None:
        person = await _find(conn, name)
        await use_case(conn, await operator(conn, settings), person, reason, datetime.now(UTC))

    with_database(decide)


async def _find(conn: Connection, name: str) -> int:
    found = await read_by_name(conn, name.strip())
    if found is None:
        raise Invalid("no_such_account", field="name")
    return found.actor_id


def _read_password(*, from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        raise click.UsageError("give the password with --password-stdin")
    return str(click.prompt("Password", hide_input=True, confirmation_prompt=True))
