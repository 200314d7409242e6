"""Commands that stay: serve, web, work."""

from __future__ import annotations

import asyncio
from functools import partial

import click

from forum.ports import Services
from server import seed, serve
from server.cli.session import in_transaction, settings, use_services
from server.database import reachable
from server.prepare import introduce, require_current
from server.seed.script import Which
from server.settings import Settings


@click.command("serve")
@click.option(
    "--demo",
    type=click.Choice(["demo", "a", "b"]),
    is_flag=False,
    flag_value="demo",
    help="Fill an empty database with a lived-in demo first, and print its logins.",
)
def serve_command(demo: Which | None) -> None:
    """Everything in one: database, migration, web and workers."""
    fill = None if demo is None else partial(_fill, demo)
    serve.serve(settings(), first=fill)


@click.command("web")
def web_command() -> None:
    """Only web processes, on a database that `dazzle migrate` has prepared."""
    with reachable(settings()) as opened:
        _check(opened)
        serve.serve_web(opened)


@click.command("work")
def work_command() -> None:
    """Only workers: they receive, publish and deliver."""
    with reachable(settings()) as opened:
        _check(opened)
        serve.work(opened)


def _fill(which: Which, opened: Settings) -> None:
    async def plant(services: Services) -> None:
        await seed.seed(services, which=which)

    if not asyncio.run(in_transaction(opened, lambda conn, _: seed.is_planted(conn, which))):
        asyncio.run(use_services(opened, plant))
    for login in seed.logins(which):
        serve.say(str(login))


def _check(opened: Settings) -> None:
    asyncio.run(require_current(opened))
    asyncio.run(introduce(opened))
