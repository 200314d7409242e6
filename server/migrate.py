"""Brings a database to the schema of this code, in a child process.

SQLAlchemy costs a second and 40 MB to import, so alembic runs beside the serving process and
never in it; a start of an up-to-date database only compares two version numbers.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import asyncpg

from server.errors import StartError
from storage import schema

ROOT = Path(__file__).resolve().parent.parent
CONNECT_PATIENCE = 10.0  # seconds

_REVISION = re.compile(r'^(down_)?revision\b[^=]*=\s*"([^"]+)"', re.MULTILINE)


def newest_version(versions: Path = ROOT / "alembic" / "versions") -> str:
    """The head of the migrations, read from the files: alembic itself is not imported here."""
    made: set[str] = set()
    followed: set[str] = set()
    for file in versions.glob("*.py"):
        for is_down, revision in _REVISION.findall(file.read_text(encoding="utf-8")):
            (followed if is_down else made).add(revision)
    (newest,) = made - followed
    return newest


async def read_version(dsn: str) -> str | None:
    """The migration a database is at, None if it is empty. Raises StartError if unreachable."""
    connection = await _connect(dsn)
    try:
        return await schema.read_version(connection)
    finally:
        await connection.close()


async def replay_functions(dsn: str) -> None:
    connection = await _connect(dsn)
    try:
        await schema.replay_functions(connection)
    finally:
        await connection.close()


def is_known(version: str, versions: Path = ROOT / "alembic" / "versions") -> bool:
    """False for a database that a newer Dazzle has migrated."""
    return any(
        not is_down and revision == version
        for file in versions.glob("*.py")
        for is_down, revision in _REVISION.findall(file.read_text(encoding="utf-8"))
    )


def run(dsn: str, version: str = "head") -> None:
    """Migrate to a version, by default the newest. Raises StartError with the reason."""
    done = subprocess.run(
        [sys.executable, "-m", "alembic", "-c", str(ROOT / "alembic.ini"), "upgrade", version],
        cwd=ROOT,
        env=os.environ | {"DAZZLE_MIGRATE_URL": dsn},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        raise StartError(f"The migration failed: {lines[-1] if lines else 'no reason given'}")


async def _connect(dsn: str) -> asyncpg.Connection[asyncpg.Record]:
    try:
        return await asyncpg.connect(dsn, timeout=CONNECT_PATIENCE)
    except (OSError, ValueError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as e:
        reason = str(e) or "no answer"
        raise StartError(f"Cannot reach the database: {reason}. Check DAZZLE_DATABASE_URL.") from e
