"""Keeps child processes alive, and ends them in order.

Children are forked from this warmed process, so they start at once and share its memory. It runs
no event loop and no threads, because neither survives a fork. A child dies with its parent.
"""

from __future__ import annotations

import contextlib
import logging
import os
import select
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import FrameType

from server.errors import StartError
from server.processes import die_with_parent

log = logging.getLogger(__name__)

Entry = Callable[[Callable[[], None]], None]
"""What a child runs; it is given a function to call once when it is ready."""

STOP_SECONDS = 30.0  # a child that does not end by itself is killed after this long
HEALTHY_SECONDS = 10.0  # a child that lived longer is restarted at once
LONGEST_PAUSE = 30.0
START_REFUSED = 2  # exit status of a child that printed why it cannot start


@dataclass
class Child:
    """One process that should always be there. `order`: lower ones are stopped first."""

    name: str
    entry: Entry
    order: int
    pid: int = 0
    started: float = 0.0
    restart_at: float = 0.0
    failures: int = 0
    ready_fd: int = -1
    is_ready: bool = False


@dataclass
class Supervisor:
    """Runs until SIGTERM or SIGINT; a second SIGINT does not wait for anybody."""

    children: list[Child]
    on_ready: Callable[[], None]
    tend: Callable[[], None] = lambda: None
    """Called about every second: looks after what is not a child of ours by fork."""
    _stops: int = 0
    _has_announced: bool = False
    _wake: tuple[int, int] = field(default_factory=os.pipe)

    def run(self) -> None:
        """Raises StartError when a child refuses to start at all."""
        for end in self._wake:
            os.set_blocking(end, False)
        signal.set_wakeup_fd(self._wake[1], warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._note_stop)
        signal.signal(signal.SIGCHLD, _note_nothing)
        try:
            while not self._stops:
                self._start_missing()
                self._wait(1.0)
                self._hear_ready()
                self._reap()
                self.tend()
        finally:
            self._stop_all()

    def _start_missing(self) -> None:
        now = time.monotonic()
        for child in self.children:
            if not child.pid and now >= child.restart_at:
                self._start(child)

    def _start(self, child: Child) -> None:
        child.ready_fd, write_end = os.pipe()
        child.is_ready = False
        child.started = time.monotonic()
        parent = os.getpid()
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if pid == 0:
            _be_child(child, parent, write_end)
        os.close(write_end)
        child.pid = pid

    def _wait(self, seconds: float) -> None:
        waiting = [child.ready_fd for child in self.children if child.ready_fd >= 0]
        readable, _, _ = select.select([self._wake[0], *waiting], [], [], seconds)
        if self._wake[0] in readable:
            with contextlib.suppress(BlockingIOError):
                os.read(self._wake[0], 4096)

    def _hear_ready(self) -> None:
        for child in self.children:
            if child.ready_fd >= 0 and select.select([child.ready_fd], [], [], 0)[0]:
                child.is_ready = bool(os.read(child.ready_fd, 1))
                os.close(child.ready_fd)
                child.ready_fd = -1
        if not self._has_announced and all(child.is_ready for child in self.children):
            self._has_announced = True
            self.on_ready()

    def _reap(self) -> None:
        for child in self.children:
            if not child.pid:
                continue
            pid, status = os.waitpid(child.pid, os.WNOHANG)
            if pid:
                self._note_death(child, os.waitstatus_to_exitcode(status))

    def _note_death(self, child: Child, status: int) -> None:
        child.pid = 0
        if status == START_REFUSED and not self._has_announced:
            raise StartError("")
        if self._stops:
            return
        lived = time.monotonic() - child.started
        child.failures = 0 if lived >= HEALTHY_SECONDS else child.failures + 1
        pause = min(LONGEST_PAUSE, 2.0**child.failures - 1) if child.failures > 1 else 0.0
        child.restart_at = time.monotonic() + pause
        log.warning("%s ended with status %s, restarting in %.0f s", child.name, status, pause)

    def _stop_all(self) -> None:
        for order in sorted({child.order for child in self.children}):
            group = [child for child in self.children if child.order == order and child.pid]
            for child in group:
                _kill(child.pid, signal.SIGTERM)
            end = time.monotonic() + STOP_SECONDS
            while any(child.pid for child in group):
                if time.monotonic() >= end or self._stops > 1:
                    for child in group:
                        if child.pid:
                            _kill(child.pid, signal.SIGKILL)
                self._wait(0.05)
                self._reap()

    def _note_stop(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self._stops += 1


def _be_child(child: Child, parent: int, write_end: int) -> None:
    """In the child: never returns."""
    status = 1
    try:
        signal.set_wakeup_fd(-1)
        # A session of its own: Ctrl-C reaches the parent, which stops its children in order.
        os.setsid()
        die_with_parent(signal.SIGKILL, parent)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        child.entry(lambda: _say_ready(write_end))
        status = 0
    except StartError as error:
        print(f"dazzle: {error}", file=sys.stderr)
        status = START_REFUSED
    except BaseException:
        log.exception("%s failed", child.name)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _say_ready(write_end: int) -> None:
    with contextlib.suppress(OSError):
        os.write(write_end, b"r")
        os.close(write_end)


def _kill(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def _note_nothing(number: int, frame: FrameType | None) -> None:
    """SIGCHLD needs a handler, so that it wakes the loop."""
    del number, frame
