"""Which database a command works on: the one in DAZZLE_DATABASE_URL, or our own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from server import pg_home
from server.embedded_pg import EmbeddedPostgres, running_dsn
from server.settings import Settings


@contextmanager
def reachable(settings: Settings) -> Iterator[Settings]:
    """The settings with a database URL that can be connected to until the block ends.

    For short commands: they share the embedded server of a running `dazzle serve`, or start it
    for themselves. Raises StartError.
    """
    if settings.database_url is not None:
        yield settings
        return
    pg_home.make_data_dir(settings.data_dir)
    shared = running_dsn(settings.data_dir)
    if shared is not None:
        yield with_url(settings, shared)
        return
    with EmbeddedPostgres(settings.data_dir, binaries=settings.pg_bin) as postgres:
        yield with_url(settings, postgres.dsn)


def with_url(settings: Settings, url: str) -> Settings:
    return msgspec.structs.replace(settings, database_url=url)


def url_of(settings: Settings) -> str:
    """The URL, in code that runs after `reachable` or under `serve`."""
    if settings.database_url is None:
        raise LookupError("no database has been opened")
    return settings.database_url
