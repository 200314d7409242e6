"""Processes under measurement: start, wait until they answer, read CPU seconds and memory."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import psutil


class Measured:
    """A child process with its own children, counted together."""

    def __init__(self, arguments: list[str], environment: dict[str, str], log: Path) -> None:
        self._log = log.open("ab")
        self.popen = subprocess.Popen(
            [sys.executable, *arguments],
            env={**os.environ, **environment},
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )

    def cpu(self) -> float:
        """CPU seconds so far of this process and its living children."""
        return cpu_of_tree(self.popen.pid)

    def resident(self) -> float:
        """Resident megabytes of the largest process of the tree."""
        root = psutil.Process(self.popen.pid)
        sizes = [p.memory_info().rss for p in (root, *root.children(recursive=True))]
        return max(sizes) / 2**20

    async def wait_for_port(self, port: int, seconds: float = 20) -> None:
        async with asyncio.timeout(seconds):
            while True:
                with contextlib.suppress(OSError):
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                    writer.close()
                    return
                if self.popen.poll() is not None:
                    raise RuntimeError(f"the server stopped at once; see {self._log.name}")
                await asyncio.sleep(0.05)

    def stop(self) -> None:
        self.popen.send_signal(signal.SIGTERM)
        try:
            self.popen.wait(20)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait()
        self._log.close()


def cpu_of_tree(pid: int) -> float:
    """CPU seconds of a process, what its dead children used, and its living children."""
    root = psutil.Process(pid)
    total = 0.0
    for process in (root, *root.children(recursive=True)):
        with contextlib.suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            total += times.user + times.system + times.children_user + times.children_system
    return total


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
