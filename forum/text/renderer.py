"""Renders markdown in a child process that may be lost at any time without losing a text.

Implements forum.ports.Renderer. One text is rendered at a time, in the order of asking; a text
that kills its child is shown as plain paragraphs, and the next one finds a new child.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from pathlib import Path

from forum.text.characters import clean_characters
from forum.text.clean import paragraphs
from forum.text.frames import LENGTH_BYTES, frame, length_of

PROJECT = Path(__file__).resolve().parents[2]
COMMAND = (sys.executable, "-m", "forum.text.child")
ENVIRONMENT = {"LANG": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1"}  # no secret gets into the child

START_PATIENCE = 20.0  # seconds, for a machine that is busy with something else
PATIENCE = 5.0  # seconds of waiting for one text; the child's own budget counts processor time
LEAVE_PATIENCE = 0.5  # seconds that a child gets to end by itself
MOST_WAITING = 32  # more than this many at once are rendered as plain text


class ChildRenderer:
    """Markdown to safe HTML. `render` never raises for any text."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()
        self._child: Process | None = None
        self._waiting = 0

    async def start(self) -> None:
        """Have a child ready, so that the first text does not wait for it."""
        async with self._turn:
            with contextlib.suppress(OSError, EOFError, TimeoutError):
                await self._ready_child()

    async def close(self) -> None:
        async with self._turn:
            await self._end_child()

    async def render(self, source: str) -> str:
        """Safe HTML; plain paragraphs when the text is too costly or too many wait."""
        if self._waiting >= MOST_WAITING:
            return paragraphs(clean_characters(source))
        self._waiting += 1
        try:
            async with self._turn:
                return await self._ask(source)
        finally:
            self._waiting -= 1

    async def _ask(self, source: str) -> str:
        try:
            child = await self._ready_child()
            html = await asyncio.wait_for(_exchange(child, source), PATIENCE)
        except (OSError, EOFError, TimeoutError):
            await self._end_child()
            return paragraphs(clean_characters(source))
        except asyncio.CancelledError:  # the answer would be taken for that of the next text
            await self._end_child()
            raise
        return html

    async def _ready_child(self) -> Process:
        if self._child is None or self._child.returncode is not None:
            self._child = await asyncio.create_subprocess_exec(
                *COMMAND, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, cwd=PROJECT, env=ENVIRONMENT
            )
            await asyncio.wait_for(_read_frame(self._child), START_PATIENCE)
        return self._child

    async def _end_child(self) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        if child.stdin is not None:
            child.stdin.close()
        try:  # a child that is dying already must not be signalled: asyncio would reap it twice
            await asyncio.wait_for(child.wait(), LEAVE_PATIENCE)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                child.kill()
            await child.wait()


async def _exchange(child: Process, source: str) -> str:
    if child.stdin is None:
        raise EOFError
    child.stdin.write(frame(source.encode("utf-8", "replace")))
    await child.stdin.drain()
    return (await _read_frame(child)).decode("utf-8")


async def _read_frame(child: Process) -> bytes:
    """One answer. Raises EOFError (as IncompleteReadError) when the child is gone."""
    if child.stdout is None:
        raise EOFError
    header = await child.stdout.readexactly(LENGTH_BYTES)
    return await child.stdout.readexactly(length_of(header))
