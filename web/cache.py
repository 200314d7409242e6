"""A least-recently-used store of rendered pages and parts, bounded in bytes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, Protocol, TypeVar

OVERHEAD = 200  # bytes an entry costs beside its text


class Sized(Protocol):
    def __len__(self) -> int: ...


Value = TypeVar("Value", bound=Sized)


class ByteCache(Generic[Value]):
    """Forgets what was not asked for longest as soon as `limit` is passed."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.size = 0
        self._entries: OrderedDict[Hashable, Value] = OrderedDict()

    def get(self, key: Hashable) -> Value | None:
        value = self._entries.get(key)
        if value is not None:
            self._entries.move_to_end(key)
        return value

    def put(self, key: Hashable, value: Value) -> None:
        """Keep a value. One that would fill a quarter of the store alone is not kept."""
        if len(value) > self.limit // 4:
            return
        old = self._entries.pop(key, None)
        if old is not None:
            self.size -= len(old) + OVERHEAD
        self._entries[key] = value
        self.size += len(value) + OVERHEAD
        while self.size > self.limit:
            _, dropped = self._entries.popitem(last=False)
            self.size -= len(dropped) + OVERHEAD
