"""One line per event, and nothing about people.

No query strings, bodies, addresses or names: an exception is told by its type and the places it
passed, never by its message, because a message quotes what it stumbled over (PostgreSQL's DETAIL
repeats whole values). There is no access log.
"""

from __future__ import annotations

import logging
import sys
import time
import traceback
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
PLACES = 4  # innermost frames of our own that an exception names
REFUSALS = 20  # told in a second, at most: strangers must not fill the disk


class OneLine(logging.Formatter):
    converter = staticmethod(time.gmtime)

    def __init__(self) -> None:
        super().__init__(FORMAT, "%Y-%m-%dT%H:%M:%SZ")

    def format(self, record: logging.LogRecord) -> str:
        record.message = record.getMessage().split("\n", 1)[0].strip()
        record.asctime = self.formatTime(record, self.datefmt)
        line = self.formatMessage(record)
        error = record.exc_info[1] if record.exc_info else None
        return line if error is None else f"{line} [{describe(error)}]"


class Sparing(logging.Filter):
    """Lets so many records through in a second, and says with the next how many it held back."""

    def __init__(self, most: int = REFUSALS) -> None:
        super().__init__()
        self._most = most
        self._second = 0
        self._count = 0

    def filter(self, record: logging.LogRecord) -> bool:
        if int(record.created) != self._second:
            held_back = self._count - self._most
            self._second, self._count = int(record.created), 0
            if held_back > 0:
                record.msg = f"{record.msg} (and {held_back} more before)"
        self._count += 1
        return self._count <= self._most


def describe(error: BaseException) -> str:
    """The types of an exception and its causes, and where each passed through our code."""
    parts: list[str] = []
    current: BaseException | None = error
    while current is not None and len(parts) < PLACES:
        parts.append(f"{type(current).__qualname__} at {_places(current)}")
        current = current.__cause__ or current.__context__
    return ", after ".join(parts)


def configure(level: int = logging.INFO) -> None:
    """Everything to standard error, libraries only when they complain."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(OneLine())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    for floor in ("dazzle", "server", "web", "federation", "forum", "storage"):
        logging.getLogger(floor).setLevel(level)
    logging.getLogger("dazzle.refused").addFilter(Sparing())
    # Any scanner of the internet can make uvicorn warn, as often as it likes.
    logging.getLogger("uvicorn").setLevel(logging.ERROR)
    # What it warns of quotes the form that it could not read.
    logging.getLogger("python_multipart").setLevel(logging.ERROR)


def _places(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if Path(frame.filename).is_relative_to(ROOT)]
    ours = [frame for frame in ours if "site-packages" not in frame.filename] or list(frames)
    shown = [f"{_short(frame.filename)}:{frame.lineno}" for frame in reversed(ours[-PLACES:])]
    return " < ".join(shown) or "?"


def _short(filename: str) -> str:
    path = Path(filename)
    return str(path.relative_to(ROOT) if path.is_relative_to(ROOT) else path.name)
