"""`dazzle policy`: which other servers this one exchanges anything with."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import click

from forum import policy as rules
from server.cli.session import operator, with_database
from server.settings import Settings
from storage import instances
from storage.db import Connection
from storage.sessions import Member
from storage.site import read_site

Decide = Callable[[Connection, Member, str, str, datetime], Awaitable[None]]

PAGE = 500


@click.group()
def policy() -> None:
    """Which other servers this one federates with."""


@policy.command("mode")
@click.argument("mode", type=click.Choice(rules.MODES))
def mode_command(mode: str) -> None:
    """Federate with nobody, with named (allowed) servers only, or with all but blocked ones."""

    async def decide(conn: Connection, settings: Settings) -> None:
        await rules.set_mode(conn, await operator(conn, settings), mode, datetime.now(UTC))

    with_database(decide)
    click.echo(f"Federation: {mode}.")


@policy.command("signed-fetch")
@click.argument("switch", type=click.Choice(["on", "off"]))
def signed_fetch(switch: str) -> None:
    """Show posts and people only to servers that sign their requests; some software cannot."""

    async def decide(conn: Connection, settings: Settings) -> None:
        admin = await operator(conn, settings)
        await rules.set_signed_fetch(conn, admin, switch == "on", datetime.now(UTC))

    with_database(decide)
    click.echo(f"Signed fetch: {switch}.")


@policy.command("block")
@click.argument("host")
@click.option("--reason", default="")
def block(host: str, reason: str) -> None:
    """Exchange nothing with HOST from now on."""
    _decide(rules.block_server, host, reason)
    click.echo(f"Blocked {rules.check_host(host)}.")


@policy.command("unblock")
@click.argument("host")
@click.option("--reason", default="")
def unblock(host: str, reason: str) -> None:
    """Neither block nor name HOST any longer."""
    _decide(rules.unblock_server, host, reason)
    click.echo(f"No longer blocked or named: {rules.check_host(host)}.")


@policy.command("allow")
@click.argument("host")
@click.option("--reason", default="")
def allow(host: str, reason: str) -> None:
    """Name HOST as one to federate with, for the mode `named`."""
    _decide(rules.allow_server, host, reason)
    click.echo(f"Allowed {rules.check_host(host)}.")


@policy.command("list")
def list_command() -> None:
    """The mode, whether requests must be signed, and every server that is blocked or allowed."""

    async def read(conn: Connection, settings: Settings) -> list[str]:
        del settings
        site = await read_site(conn)
        lines = [f"mode {site.federation_mode or 'not chosen'}"]
        lines += ["signed-fetch on"] if site.requires_signed_fetch else []
        after = ""
        while page := await instances.list_decided(conn, after=after, limit=PAGE):
            lines += [f"{i.policy} {i.host}" for i in page]
            after = page[-1].host
        return lines

    for line in with_database(read):
        click.echo(line)


def _decide(use_case: Decide, host: str, reason: str) -> None:
    async def decide(conn: Connection, settings: Settings) -> None:
        await use_case(conn, await operator(conn, settings), host, reason, datetime.now(UTC))

    with_database(decide)
