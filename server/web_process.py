"""One process that answers HTTP, on a socket that its parent has bound."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import resource
import signal
import socket
from collections.abc import Callable, Iterator

import uvicorn
import uvloop
from starlette.types import ASGIApp

from server.app import create_app
from server.errors import StartError
from server.http_guard import TurnAway, protocol_for
from server.memory import keep_what_is_loaded
from server.metrics import BOARD
from server.settings import Settings

BACKLOG = 2048
KEEP_ALIVE = 20  # seconds
DRAIN_SECONDS = 25
MOST_FILES = 65_536


class WebServer(uvicorn.Server):
    """uvicorn, stopped by whoever composes it, and telling when it really serves."""

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_ready = on_ready

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._on_ready()

    def stop(self) -> None:
        self.should_exit = True


def bind(settings: Settings) -> socket.socket:
    """Take the port before anything else starts. Raises StartError when it is taken."""
    host, port = settings.address
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        # Listening, not only bound: Linux lets several bind one port until somebody listens.
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise StartError(
                f"Port {port} on {host} is taken by another program: stop it, or choose another "
                f"port with DAZZLE_BIND (and DAZZLE_ORIGIN)."
            ) from error
        raise StartError(f"Cannot listen on {settings.bind}: {error.strerror}.") from error
    return listener


def run(
    settings: Settings, listener: socket.socket, on_ready: Callable[[], None], *, row: int = 0
) -> None:
    """Serve until SIGTERM or SIGINT, then answer what was begun. `row` is for the metrics."""
    BOARD.take_row(row)
    _allow_many_connections()
    uvloop.run(_serve(settings, listener, on_ready))


async def _serve(settings: Settings, listener: socket.socket, on_ready: Callable[[], None]) -> None:
    app = await create_app(settings)
    keep_what_is_loaded()
    turn_away = app.parts.federation.admission.turn_away
    server = WebServer(configuration(app, settings, turn_away), on_ready)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, server.stop)
    try:
        await server.serve([listener])
    finally:
        await app.close()


def configuration(
    app: ASGIApp, settings: Settings, turn_away: TurnAway | None = None
) -> uvicorn.Config:
    """How uvicorn serves us: guarded, silent, and believing no proxy that is not named."""
    return uvicorn.Config(
        app,
        http=protocol_for(is_https=settings.is_https, turn_away=turn_away),
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=list(settings.trusted_proxies),
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=DRAIN_SECONDS,
        backlog=BACKLOG,
    )


def _allow_many_connections() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_FILES if hard == resource.RLIM_INFINITY else min(MOST_FILES, hard)
    if soft < wanted:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
