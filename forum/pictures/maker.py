"""Runs the child that makes pictures: one at a time, each in a process that ends with it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import msgspec

PROJECT = Path(__file__).resolve().parents[2]
COMMAND = (sys.executable, "-m", "forum.pictures.child")
ENVIRONMENT = {"LANG": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1"}  # no secret gets into the child
PATIENCE = 40.0  # seconds for one picture; its own limit counts processor time
MOST_WAITING = 12  # more than this many at once are asked to come again
REFUSALS = frozenset({"picture_too_large", "picture_broken", "disk_full"})


class PictureRefused(Exception):
    """No picture was made. `code`: picture_too_large, picture_broken, disk_full, server_busy."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Made(msgspec.Struct, frozen=True):
    """One file that was made."""

    width: int
    height: int
    bytes: int


class _Answer(msgspec.Struct, frozen=True):
    files: dict[str, Made] = {}
    refused: str = ""


class Pictures(Protocol):
    """Makes the variants of a picture that came from anywhere."""

    async def make(self, source: Path, directory: Path) -> dict[str, Made]:
        """Write `full.avif`, `full.webp`, `full.jpg`, `small.webp`, `small.jpg` into `directory`.

        Raises PictureRefused; what was written then is removed.
        """


@dataclass(slots=True)
class _Places:
    waiting: int = 0


class PictureMaker:
    """Implements Pictures with a child process for each."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()
        self._places = _Places()

    async def make(self, source: Path, directory: Path) -> dict[str, Made]:
        if self._places.waiting >= MOST_WAITING:
            raise PictureRefused("server_busy")
        self._places.waiting += 1
        try:
            async with self._turn:
                return await self._run(source, directory)
        except BaseException:
            await asyncio.to_thread(_clear, directory)
            raise
        finally:
            self._places.waiting -= 1

    async def _run(self, source: Path, directory: Path) -> dict[str, Made]:
        child = await asyncio.create_subprocess_exec(
            *COMMAND,
            os.path.abspath(source),  # noqa: ASYNC240, PTH100 - asks no disk
            os.path.abspath(directory),  # noqa: ASYNC240, PTH100
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=DEVNULL,
            cwd=PROJECT,
            env=ENVIRONMENT,
        )
        try:
            async with asyncio.timeout(PATIENCE):
                said, _ = await child.communicate()
        except TimeoutError:
            raise PictureRefused("picture_too_large") from None
        finally:
            if child.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    child.kill()
                await child.wait()
        return _read(said)


def _read(said: bytes) -> dict[str, Made]:
    """What the child answered; one that was killed has said nothing."""
    try:
        answer: Any = msgspec.json.decode(said, type=_Answer)
    except msgspec.DecodeError:
        raise PictureRefused("picture_too_large") from None
    if answer.refused or not answer.files:
        code = answer.refused if answer.refused in REFUSALS else "picture_broken"
        raise PictureRefused(code)
    files: dict[str, Made] = answer.files
    return files


def _clear(directory: Path) -> None:
    for path in directory.glob("*"):
        path.unlink(missing_ok=True)
