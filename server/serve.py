"""`dazzle serve`: database, migration, web and workers, in one command and ended in order."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from types import FrameType

from server import prepare, web_process, worker
from server.database import with_url
from server.embedded_pg import EmbeddedPostgres
from server.errors import StartError
from server.pg_home import make_data_dir
from server.settings import Settings, read_secret
from server.supervisor import Child, Entry, Supervisor

log = logging.getLogger(__name__)

WEB_FIRST, WORKERS_NEXT = 0, 1
SERVES = "Dazzle serves"  # how the line begins that tells it really does


def serve(settings: Settings, *, first: Callable[[Settings], None] | None = None) -> None:
    """Serve until SIGTERM or Ctrl-C. `first` runs once the database is ready, before anybody comes.

    Raises StartError when it cannot start.
    """
    listener = web_process.bind(settings)
    make_data_dir(settings.data_dir)
    read_secret(settings)
    with _stop_on_sigterm(), contextlib.ExitStack() as stack:
        postgres = None
        if settings.database_url is None:
            postgres = EmbeddedPostgres(settings.data_dir, binaries=settings.pg_bin)
            settings = with_url(settings, postgres.start())
            stack.callback(postgres.stop)
        prepare.bring_up_to_date(settings, say)
        if first is not None:
            first(settings)
        asyncio.run(prepare.introduce(settings))
        link = asyncio.run(prepare.invite_administrator(settings))
        children = [*_web(settings, listener), *_workers(settings)]
        tend = (lambda: None) if postgres is None else (lambda: _keep_alive(postgres))
        _supervise(children, lambda: _announce(settings, link), tend)


def serve_web(settings: Settings) -> None:
    """Only web processes: for a machine of several that share one database."""
    listener = web_process.bind(settings)
    if settings.web_processes == 1:
        web_process.run(settings, listener, lambda: _announce(settings, None))
        return
    children = _web(settings, listener)
    _supervise(children, lambda: _announce(settings, None))


def work(settings: Settings) -> None:
    """Only workers."""
    if settings.worker_processes == 1:
        worker.run(settings, lambda: say("Dazzle works."))
        return
    _supervise(_workers(settings), lambda: say("Dazzle works."))


def say(line: str) -> None:
    print(line, flush=True)


def _web(settings: Settings, listener: socket.socket) -> list[Child]:
    def entry(row: int) -> Entry:
        return lambda on_ready: web_process.run(settings, listener, on_ready, row=row)

    return [Child(f"web {n + 1}", entry(n), WEB_FIRST) for n in range(settings.web_processes)]


def _workers(settings: Settings) -> list[Child]:
    def entry(number: int) -> Entry:
        return lambda on_ready: worker.run(settings, on_ready, shows_metrics=number == 0)

    numbers = range(settings.worker_processes)
    return [Child(f"worker {n + 1}", entry(n), WORKERS_NEXT) for n in numbers]


def _supervise(
    children: list[Child], on_ready: Callable[[], None], tend: Callable[[], None] = lambda: None
) -> None:
    # What the children share stays shared: the collector never touches, and so never copies, it.
    gc.collect()
    gc.freeze()
    Supervisor(children, on_ready, tend).run()


def _announce(settings: Settings, link: str | None) -> None:
    say(f"{SERVES} {settings.origin} (listening on {settings.bind}; Ctrl-C stops it)")
    if link is not None:
        say(f"Make yourself its administrator: {link}")


def _keep_alive(postgres: EmbeddedPostgres) -> None:
    if postgres.poll() is None:
        return
    log.error("the database ended by itself, starting it again")
    try:
        postgres.restart()
    except StartError as error:
        log.error("%s", error)


@contextlib.contextmanager
def _stop_on_sigterm() -> Iterator[None]:
    """Until the supervisor listens, a SIGTERM leaves through the blocks that clean up."""

    def leave(number: int, frame: FrameType | None) -> None:
        del number, frame
        sys.exit(0)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
