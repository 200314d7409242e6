"""What was erased, in a file of the data directory: one hash a line, only ever added to.

A backup is older than what was erased after it. Whatever is restored is therefore compared with
this file, at the restore and at each start, and erased again.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

from forum import erasing_again
from server.errors import StartError
from server.settings import Settings
from storage import erased
from storage.db import Database

FILE = "erased.log"
BATCH = 1000
LINE = erased.LENGTH * 2 + 1


class ErasedLog:
    """Writes the file, called by a worker again and again."""

    def __init__(self, settings: Settings) -> None:
        self._file = settings.data_dir / FILE

    async def write(self, database: Database, now: datetime) -> None:  # noqa: ARG002 - as what else is repeated
        """Add what the file does not hold yet. A hash may stand in it twice: nothing is lost."""
        while True:
            async with database.quiet_write() as conn:
                hashes = await erased.take_unwritten(conn, BATCH)
                if hashes:
                    _append(self._file, hashes)
            if len(hashes) < BATCH:
                return


async def apply(database: Database, settings: Settings) -> int:
    """Erase again what the file says was erased; how many posts and accounts that were."""
    hashes = _read(settings.data_dir / FILE)
    again = 0
    for start in range(0, len(hashes), BATCH * 10):
        async with database.write() as conn:
            again += await erasing_again.apply(
                conn, hashes[start : start + BATCH * 10], datetime.now(UTC)
            )
    return again


def _append(file: Path, hashes: list[bytes]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(descriptor, "ab") as out:
        # After a line that was cut off by a full disk, the next one begins anew.
        start = b"\n" if out.tell() % LINE else b""
        out.write(start + b"".join(f"{one.hex()}\n".encode() for one in hashes))
        out.flush()
        os.fsync(out.fileno())


def _read(file: Path) -> list[bytes]:
    """The hashes; a line that was cut off is none. Raises StartError when it cannot be read."""
    try:
        lines = file.read_text(encoding="ascii").splitlines()
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError) as error:
        raise StartError(f"Cannot read {file}: without it, erased posts may be back.") from error
    return sorted({found for line in lines if (found := _hash_of(line)) is not None})


def _hash_of(line: str) -> bytes | None:
    try:
        found = bytes.fromhex(line)
    except ValueError:
        return None
    return found if len(found) == erased.LENGTH else None
