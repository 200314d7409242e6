"""Writes down which rooms (modules) of the house a piece of work enters, and in which order."""

from __future__ import annotations

import inspect
import sys
from collections import Counter
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
FLOORS = ("server", "web", "federation", "forum", "storage")
MAY_PAUSE = inspect.CO_COROUTINE | inspect.CO_GENERATOR | inspect.CO_ASYNC_GENERATOR


class Rooms:
    """`with Rooms() as rooms: …`. Sees this thread only."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()  # "forum.threads.start_thread" → how often
        self.order: list[str] = []  # rooms in the order of their first function call
        self._paused: set[FrameType] = set()

    def __enter__(self) -> Rooms:
        sys.setprofile(self._see)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        sys.setprofile(None)
        self._paused.clear()

    def path(self, *rooms: str) -> list[str]:
        """Those of the given rooms that were entered, in the order in which they were."""
        return [room for room in self.order if room in rooms]

    def once(self, *functions: str) -> bool:
        """Whether each of the functions was called exactly once; says which was not."""
        wrong = {name: self.calls[name] for name in functions if self.calls[name] != 1}
        assert not wrong, f"called other than once: {wrong}"
        return True

    def floors(self) -> set[str]:
        return {room.split(".", 1)[0] for room in self.order}

    def _see(self, frame: FrameType, event: str, _argument: Any) -> None:
        if event != "call" or (room := _room_of(frame)) is None:
            return
        if frame.f_code.co_flags & MAY_PAUSE:
            if frame in self._paused:
                return
            self._paused.add(frame)
        if frame.f_code.co_name.startswith("<"):
            return
        self.calls[f"{room}.{frame.f_code.co_name}"] += 1
        if room not in self.order:
            self.order.append(room)


def _room_of(frame: FrameType) -> str | None:
    path = frame.f_code.co_filename
    if not path.startswith(f"{ROOT}/"):
        return None
    inside = path[len(f"{ROOT}/") :].removesuffix(".py").removesuffix("/__init__")
    return inside.replace("/", ".") if inside.split("/", 1)[0] in FLOORS else None
