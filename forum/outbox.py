"""Events between forum and the publishers: recorded here, read back there."""

from __future__ import annotations

from typing import Any

import msgspec

from forum.events import KINDS, Event
from storage import outbox
from storage.db import Connection


async def record_event(conn: Connection, event: Event) -> None:
    """Tell the publishers, once the caller's transaction commits."""
    await outbox.record(conn, type(event).__name__, msgspec.to_builtins(event))


def decode_event(kind: str, payload: Any) -> Event:
    """The event of a stored row. Raises KeyError or msgspec.ValidationError for a foreign one."""
    return msgspec.convert(payload, KINDS[kind])
