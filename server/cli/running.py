"""Commands that stay: serve, web, work."""

from __future__ import annotations

import asyncio

import click

from server import serve
from server.cli.session import settings
from server.database import reachable
from server.prepare import introduce, require_current
from server.settings import Settings


@click.command("serve")
def serve_command() -> None:
    """Everything in one: database, migration, web and workers."""
    serve.serve(settings())


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


def _check(opened: Settings) -> None:
    asyncio.run(require_current(opened))
    asyncio.run(introduce(opened))
