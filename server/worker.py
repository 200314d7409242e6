"""The loops behind the pages: receive, publish, deliver, do what is due, and tidy.

Everything they do is claimed from a table and finished in a transaction, so a worker may be
stopped, killed, or run many times over, and nothing is lost or done twice.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
from collections.abc import Awaitable, Callable, Coroutine
from datetime import datetime, timedelta
from typing import Any

import uvloop

from federation import backfill, catchup, deliver, publish, receive, synchronization
from forum import (
    closing,
    departures,
    erasing,
    exporting,
    mail,
    media,
    messages,
    polls,
    remote_pictures,
    roles,
)
from server import metrics
from server.app import Parts, open_parts
from server.erased_log import ErasedLog
from server.exporting import Exporter
from server.importing import Importer
from server.mailing import Post
from server.memory import keep_what_is_loaded
from server.settings import MEDIA_CACHE, Settings
from storage import (
    activities,
    aliases,
    backfills,
    blocks,
    destinations,
    erasures,
    imports,
    inbox,
    instances,
    invitations,
    limits,
    media_cache,
    memberships,
    mutes,
    posts,
    sessions,
    undone,
)
from storage.db import Database
from storage.media_files import MediaFiles

log = logging.getLogger(__name__)

Act = Callable[[Database, datetime], Awaitable[None]]
Loop = Callable[[], Coroutine[Any, Any, None]]

STOP_SECONDS = 25.0  # a delivery that hangs is dropped after this: its lease ends by itself
DUE_EVERY = timedelta(seconds=5)
SWEEP_EVERY = timedelta(seconds=10)
STRAYS_EVERY = timedelta(hours=1)
TIDY_EVERY = timedelta(minutes=10)
INBOX_KEPT = timedelta(days=14)
JOINING_KEPT = timedelta(days=14)  # that somebody follows a community, as it was sent
SUBMISSIONS_KEPT = timedelta(days=2)
PICTURES_KEPT = timedelta(days=30)  # of other servers, that nobody has looked at
ANSWERS_KEPT = timedelta(days=30)  # of who asked to join, after the decision
BACKFILLS_KEPT = timedelta(days=1)  # so that nobody makes us read the same again and again
UNDONE_KEPT = timedelta(hours=1)
SERVERS_KEPT = timedelta(days=90)  # with which nothing was exchanged, and whose people nobody knows
DUE_BATCH = 100
TIDY_BATCH = 1000  # rows in one transaction, so that nobody waits for it


def run(settings: Settings, on_ready: Callable[[], None], *, shows_metrics: bool = True) -> None:
    """Work until SIGTERM or SIGINT, in a process of its own."""
    uvloop.run(_run_until_signal(settings, on_ready, shows_metrics=shows_metrics))


async def run_worker(
    settings: Settings,
    stop: asyncio.Event,
    on_ready: Callable[[], None] = lambda: None,
    *,
    shows_metrics: bool = False,
) -> None:
    """Work until `stop` is set, then finish what is begun."""
    parts = await open_parts(settings)
    keep_what_is_loaded()
    address = settings.metrics_address if shows_metrics else None
    figures = await metrics.serve(parts.services.database, address) if address else None
    try:
        tasks = [
            asyncio.create_task(_forever(name, make, stop))
            for name, make in _loops(parts, settings, stop).items()
        ]
        on_ready()
        await stop.wait()
        parts.services.database.doorbell.ring()  # wakes those that wait for work
        _, late = await asyncio.wait(tasks, timeout=STOP_SECONDS)
        for task in late:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    finally:
        if figures is not None:
            figures.close()
        await parts.close()


def _loops(parts: Parts, settings: Settings, stop: asyncio.Event) -> dict[str, Loop]:
    """What a worker does, each for as long as it is not stopped."""
    federation, services = parts.federation, parts.services
    erased, post = ErasedLog(settings), Post(services)
    importer = Importer(services)
    exporter = Exporter(services, settings.data_dir / exporting.DIRECTORY)
    name = f"{socket.gethostname()}/{os.getpid()}"
    cache = MediaFiles(settings.data_dir / MEDIA_CACHE)

    def every(act: Act, period: timedelta) -> Loop:
        return lambda: _repeat(act, services.database, services.clock.now, period, stop)

    return {
        "receive": lambda: receive.run(federation, stop),
        "publish": lambda: publish.run(federation, stop),
        "deliver": lambda: deliver.run(federation, stop, name),
        "catch up": lambda: catchup.run(federation, stop),
        "compare": lambda: synchronization.run(federation, stop),
        "read again": lambda: backfill.run(federation, stop),
        "copies": lambda: exporter.run(stop),
        "lists": lambda: importer.run(stop),
        "mail": lambda: post.run(stop),
        "due": every(do_due, DUE_EVERY),
        "remember": every(erased.write, DUE_EVERY),
        "files": every(sweep(services.media), SWEEP_EVERY),
        "pictures": every(sweep_pictures(cache), SWEEP_EVERY),
        "strays": every(sweep_strays(services.media, cache), STRAYS_EVERY),
        "tidy": every(tidy, TIDY_EVERY),
    }


async def do_due(database: Database, now: datetime) -> None:
    """What no request causes: polls end, numbers are told, and who left is erased bit by bit."""
    for go_on in (
        polls.close_ended,
        roles.end_due,
        messages.erase_due,
        departures.go_on,
        closing.go_on,
    ):
        done = DUE_BATCH
        while done == DUE_BATCH:
            async with database.quiet_write() as conn:
                done = await go_on(conn, now=now, limit=DUE_BATCH)
            if done:
                database.doorbell.ring()


def sweep(files: MediaFiles) -> Act:
    """Removes the files of what was erased here."""

    async def act(database: Database, now: datetime) -> None:  # noqa: ARG001 - as all that is repeated
        await media.sweep(database, files)

    return act


def sweep_pictures(cache: MediaFiles) -> Act:
    """Removes the pictures of other servers that are to go."""

    async def act(database: Database, now: datetime) -> None:
        await remote_pictures.sweep(database, cache, now)

    return act


def sweep_strays(files: MediaFiles, cache: MediaFiles) -> Act:
    """Removes files that no row speaks of."""

    async def act(database: Database, now: datetime) -> None:
        await media.sweep_strays(database, files, now)
        await media.sweep_strays(database, cache, now, known=media_cache.list_known_unfiltered)

    return act


async def tidy(database: Database, now: datetime) -> None:
    """Drop what has had its time (docs/privacy.md says how long each thing is kept)."""
    async with database.quiet_write() as conn:
        await sessions.tidy(conn, now)
        await blocks.tidy(conn, now)
        await mutes.tidy(conn, now)
        await invitations.tidy(conn, now)
        await imports.tidy(conn, now)
        await mail.tell_of_answers(conn, now)
        await mail.tidy(conn, now)
        await limits.tidy(conn, now)
        await posts.tidy_submissions(conn, now - SUBMISSIONS_KEPT)
        await undone.drop_old(conn, now - UNDONE_KEPT)
        await erasing.give_up(conn, now)
        await erasures.drop_old(conn, now)
        await media.tidy(conn, now, TIDY_BATCH)
        await aliases.forget_over(conn, now)
    for drop_old, kept in (
        (inbox.drop_old, INBOX_KEPT),
        (memberships.drop_answers, ANSWERS_KEPT),
        (activities.drop_old, JOINING_KEPT),
        (backfills.drop_old, BACKFILLS_KEPT),
        (media_cache.drop_old, PICTURES_KEPT),
        (instances.drop_idle, SERVERS_KEPT),
        (destinations.drop_idle, SERVERS_KEPT),
    ):
        dropped = TIDY_BATCH
        while dropped == TIDY_BATCH:
            async with database.quiet_write() as conn:
                dropped = await drop_old(conn, now - kept, TIDY_BATCH)


async def _run_until_signal(
    settings: Settings, on_ready: Callable[[], None], *, shows_metrics: bool
) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await run_worker(settings, stop, on_ready, shows_metrics=shows_metrics)


async def _forever(name: str, make: Loop, stop: asyncio.Event) -> None:
    """The one catch-all: a loop that raises is told of and starts again."""
    while not stop.is_set():
        try:
            await make()
        except Exception:
            log.exception("the loop %s failed", name)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), 1.0)


async def _repeat(
    act: Act,
    database: Database,
    now: Callable[[], datetime],
    every: timedelta,
    stop: asyncio.Event,
) -> None:
    while not stop.is_set():
        await act(database, now())
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), every.total_seconds())
