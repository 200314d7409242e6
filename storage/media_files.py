"""Where the files of people are: one directory, names that tell nothing, whole files or none.

It knows no post and no person; which file belongs to what stands in the table `media`.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import secrets
import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

NAME_LETTERS = "abcdefghijklmnopqrstuvwxyz234567"
NAME_LENGTH = 26  # 130 bits: nobody guesses one
NAME = re.compile(rf"[a-z2-7]{{{NAME_LENGTH}}}")
VARIANT = re.compile(r"(?:full|small|original)\.[a-z0-9]{2,5}")
INCOMING = "incoming"

log = logging.getLogger(__name__)


def new_name() -> str:
    return "".join(secrets.choice(NAME_LETTERS) for _ in range(NAME_LENGTH))


class MediaFiles:
    """Files below `root`, each as `ab/<name>.<variant>`."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def incoming(self) -> Path:
        """A path nobody uses, for what is being received. Raises OSError."""
        directory = self._root / INCOMING
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        return directory / new_name()

    def path(self, name: str, variant: str) -> Path:
        """Raises ValueError for what is no name or no variant of ours."""
        if not NAME.fullmatch(name) or not VARIANT.fullmatch(variant):
            raise ValueError("not a file of ours")
        return self._root / name[:2] / f"{name}.{variant}"

    def save(self, name: str, variants: Mapping[str, Path]) -> None:
        """Move finished files in, durably: when this returns they outlive a loss of power.

        Raises OSError, and then none of them is there.
        """
        try:
            for variant, source in variants.items():
                target = self.path(name, variant)
                target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                source.chmod(0o600)
                os.utime(source)  # a form may have come slowly: it is new from now on
                _sync(source)
                source.replace(target)
            _sync(self._root / name[:2])
            _sync(self._root)
        except OSError:
            self.drop(name)
            raise

    def drop(self, name: str) -> None:
        """Remove every variant; a second time changes nothing. Raises OSError if one stays.

        Not by a glob: that finds nothing in a directory that may not be read, as if all were gone.
        """
        if not NAME.fullmatch(name):
            return
        with contextlib.suppress(FileNotFoundError):
            for path in (self._root / name[:2]).iterdir():
                if path.name.startswith(f"{name}."):
                    path.unlink(missing_ok=True)

    def drop_all(self, names: Iterable[str]) -> set[str]:
        """Remove as many of them as can be removed; which."""
        gone, reason = set(), None
        for name in names:
            try:
                self.drop(name)
                gone.add(name)
            except OSError as error:
                reason = error.strerror
        if reason is not None:
            log.error("files in %s cannot be removed (%s)", self._root, reason)
        return gone

    def names(self) -> Iterator[tuple[str, float]]:
        """The name of each file, and when it was last written, in seconds since 1970."""
        for path in self._root.glob("??/*"):
            name = path.name.partition(".")[0]
            if NAME.fullmatch(name):
                yield name, _written_at(path)

    def drop_unfinished(self, before: float) -> None:
        """Remove what was being received and has not been touched since."""
        for path in (self._root / INCOMING).glob("*"):
            if _written_at(path) < before:
                if path.is_dir():
                    shutil.rmtree(path, ignore_errors=True)
                else:
                    path.unlink(missing_ok=True)


def _written_at(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:  # somebody else was faster
        return float("inf")


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
