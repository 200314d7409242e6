"""Workers that only receive, forked from one process that has loaded everything: quick to start,
and each a process of its own that can be killed at any moment.

`python -m tests.faults.receiver DSN ORIGIN DIRECTORY` makes a worker for each line that it reads
and answers with its process id.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvloop

from federation import receive
from server.app import open_parts
from server.processes import tied_to_this_process
from server.settings import Settings

ROOT = Path(__file__).resolve().parents[2]


class Nursery:
    """Starts workers and kills them."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def start(self) -> int:
        """The process id of a new worker."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(b"\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def kill(self, pid: int) -> None:
        """kill -9, as the kernel does when memory runs out."""
        os.kill(pid, signal.SIGKILL)


@contextmanager
def open_nursery(dsn: str, origin: str, directory: Path) -> Iterator[Nursery]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.faults.receiver", dsn, origin, str(directory)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        preexec_fn=tied_to_this_process(signal.SIGTERM),  # noqa: PLW1509 - no threads
    )
    try:
        yield Nursery(process)
    finally:
        process.kill()  # its workers die with it
        process.wait()


async def _receive(settings: Settings) -> None:
    parts = await open_parts(settings)
    await receive.run(parts.federation, asyncio.Event())


def main(dsn: str, origin: str, directory: str) -> None:
    settings = Settings(
        origin=origin,
        database_url=dsn,
        data_dir=Path(directory),
        secret_key="s" * 40,
        allow_loopback=True,
    )
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    tie = tied_to_this_process(signal.SIGKILL)
    while sys.stdin.readline():
        pid = os.fork()
        if not pid:
            tie()
            uvloop.run(_receive(settings))
            os._exit(0)
        print(pid, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
