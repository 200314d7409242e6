"""The program as somebody at a keyboard runs it: real processes, real signals."""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from server.processes import tied_to_this_process

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 60.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def settings(data_dir: Path, **more: str) -> dict[str, str]:
    """An environment with these settings and no others."""
    port = free_port()
    clean = {name: value for name, value in os.environ.items() if not name.startswith("DAZZLE_")}
    return clean | {
        "DAZZLE_DATA_DIR": str(data_dir),
        "DAZZLE_BIND": f"127.0.0.1:{port}",
        "DAZZLE_ORIGIN": f"http://127.0.0.1:{port}",
        "DAZZLE_METRICS_BIND": "off",
        **more,
    }


def run(
    environment: dict[str, str], *arguments: str, given: str = ""
) -> subprocess.CompletedProcess[str]:
    """One command, to its end."""
    return subprocess.run(
        [sys.executable, "-m", "server", *arguments],
        cwd=ROOT, env=environment, input=given, capture_output=True, text=True,
        timeout=PATIENCE, check=False,
    )  # fmt: skip


class Running:
    """A command that stays, and the lines it prints."""

    def __init__(self, environment: dict[str, str], *arguments: str) -> None:
        self.environment = environment
        self.process = subprocess.Popen(
            [sys.executable, "-m", "server", *arguments],
            cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            stdin=subprocess.DEVNULL,
            preexec_fn=tied_to_this_process(signal.SIGKILL),  # noqa: PLW1509
        )  # fmt: skip
        self.lines: queue.Queue[str] = queue.Queue()
        self.seen: list[str] = []
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for line in self.process.stdout or ():
            self.lines.put(line.rstrip())

    def wait_for(self, beginning: str) -> str:
        """The first line that begins so."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            with contextlib.suppress(queue.Empty):
                self.seen.append(self.lines.get(timeout=0.2))
                if self.seen[-1].startswith(beginning):
                    return self.seen[-1]
            if self.process.poll() is not None and self.lines.empty():
                break
        raise AssertionError(f"never said {beginning!r}, but: {self.seen}")

    def family(self) -> list[psutil.Process]:
        """Its children, and theirs."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)


@contextlib.contextmanager
def running(environment: dict[str, str], *arguments: str) -> Iterator[Running]:
    program = Running(environment, *arguments)
    try:
        yield program
    finally:
        if program.process.poll() is None:
            program.process.kill()
            program.process.wait()


def all_gone(processes: list[psutil.Process], seconds: float = 15.0) -> bool:
    """Whether every one of them ends in time."""
    _, alive = psutil.wait_procs(processes, timeout=seconds)
    return not [one for one in alive if one.status() != psutil.STATUS_ZOMBIE]
