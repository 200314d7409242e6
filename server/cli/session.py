"""What commands share: the database opened, everything composed, closed again at the end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import click

from forum.ports import Services
from forum.site import Site
from server import prepare
from server.app import open_parts
from server.database import reachable, url_of
from server.settings import Settings, read
from storage import actors
from storage.db import Connection, Database
from storage.sessions import Member

T = TypeVar("T")


def settings() -> Settings:
    """Raises StartError naming all that is wrong."""
    return read()


def with_services(use: Callable[[Services], Awaitable[T]]) -> T:
    """Run something that needs everything: the database, keys, the renderer."""
    with reachable(settings()) as opened:
        return asyncio.run(use_services(opened, use))


def with_database(use: Callable[[Connection, Settings], Awaitable[T]]) -> T:
    """Run something in one transaction on a database that is at this code's version."""
    with reachable(settings()) as opened:
        return asyncio.run(in_transaction(opened, use))


def absolute(path: str) -> Path:
    return Path(path).expanduser().absolute()


def file_argument() -> Callable[[Callable[..., None]], Callable[..., None]]:
    return click.argument("file", type=click.Path(dir_okay=False))


async def use_services(opened: Settings, use: Callable[[Services], Awaitable[T]]) -> T:
    """Everything composed on an opened database, and closed again."""
    await prepare.require_current(opened)
    await prepare.introduce(opened)
    parts = await open_parts(opened)
    try:
        return await use(parts.services)
    finally:
        await parts.close()


async def in_transaction(
    opened: Settings, use: Callable[[Connection, Settings], Awaitable[T]]
) -> T:
    """Run something in one transaction on an opened database."""
    await prepare.require_current(opened)
    await prepare.introduce(opened)
    database = await Database.open(url_of(opened), max_size=2)
    try:
        async with database.write() as conn:
            return await use(conn, opened)
    finally:
        await database.close()


async def operator(conn: Connection, settings: Settings) -> Member:
    """Whoever may type commands on this machine: the log of decisions names the server itself."""
    own = await actors.read_by_uri_unfiltered(conn, Site(settings.origin).instance_uri)
    if own is None:
        raise LookupError("the instance actor is made before any command runs")
    return Member(own.id, own.name, own.display_name, role="admin", locale="en", state="open")
