"""Children that do not outlive their parent, even when the parent is killed with SIGKILL."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Callable

PR_SET_PDEATHSIG = 1

_libc = ctypes.CDLL(None, use_errno=True)


def die_with_parent(number: signal.Signals, parent: int) -> None:
    """In a child: ask the kernel for `number` when the thread that forked us ends.

    A change of uid clears the request, so it is made after the change. Other systems than Linux
    have nothing like it: there an orphan is found and stopped by the next start.
    """
    if sys.platform == "linux":
        _libc.prctl(PR_SET_PDEATHSIG, int(number), 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def tied_to_this_process(number: signal.Signals) -> Callable[[], None]:
    """A `preexec_fn`: subprocess calls it after the change of uid and before the exec."""
    parent = os.getpid()
    return lambda: die_with_parent(number, parent)
