"""Acknowledge: a server says that it has erased what it was told to erase."""

from __future__ import annotations

from federation.receive.job import Change, Job
from federation.vocabulary.types import Acknowledge
from forum import erasing
from storage.db import Connection


async def receive_acknowledge(job: Job, acknowledge: Acknowledge) -> Change:
    """It speaks for its own server, which stands in the receipt only if it was told."""

    async def change(conn: Connection) -> None:
        await erasing.receive_confirmation(conn, job.actor, acknowledge.object, job.now)

    return change
