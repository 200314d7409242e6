"""The system's resolver, in threads of its own: a slow name server keeps no other name waiting.

A thread that waits for an answer can not be called back. So a name is looked up once at a time
however many ask, and one that was slow or unknown the last time waits among its like.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from time import monotonic

QUICK_THREADS = 64
SLOW_THREADS = 8
SLOW_SECONDS = 1.0
MAX_SLOW = 10_000

Place = tuple[str, int]


class Resolver:
    """`look_up` gives all addresses of a name. Raises OSError when there are none."""

    def __init__(self) -> None:
        self._quick = ThreadPoolExecutor(QUICK_THREADS, thread_name_prefix="lookup")
        self._slow = ThreadPoolExecutor(SLOW_THREADS, thread_name_prefix="slow-lookup")
        self._slow_places: set[Place] = set()
        self._running: dict[Place, Future[list[str]]] = {}
        self._lock = threading.Lock()

    async def look_up(self, hostname: str, port: int) -> list[str]:
        place = (hostname, port)
        with self._lock:
            future = self._running.get(place)
            if future is None:
                pool = self._slow if place in self._slow_places else self._quick
                future = self._running[place] = pool.submit(self._ask, place)
        # Who gives up does not take the answer from others that wait for it.
        return await asyncio.shield(asyncio.wrap_future(future))

    def _ask(self, place: Place) -> list[str]:
        began, is_slow = monotonic(), True
        try:
            found = socket.getaddrinfo(*place, type=socket.SOCK_STREAM)
            is_slow = monotonic() - began > SLOW_SECONDS
        finally:
            self._note(place, is_slow)
        return list(dict.fromkeys(str(entry[4][0]) for entry in found))

    def _note(self, place: Place, is_slow: bool) -> None:
        with self._lock:
            self._running.pop(place, None)
            if not is_slow:
                self._slow_places.discard(place)
                return
            if len(self._slow_places) >= MAX_SLOW:
                self._slow_places.clear()
            self._slow_places.add(place)


look_up = Resolver().look_up
