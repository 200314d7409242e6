"""The files that a restore puts into the data directory: all of them, or as it was before."""

from __future__ import annotations

from pathlib import Path

from server.archive import Archive
from server.settings import MEDIA, SECRET_FILE
from storage.media_files import MediaFiles


class Placing:
    """Puts files of a backup where they belong, and can take them away again."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._media = MediaFiles(root / MEDIA)
        self._put: list[Path] = []
        self._secret: bytes | None = None

    def put(self, source: Archive, name: str) -> None:
        """One file of the manifest. Raises OSError, and StartError for a damaged one."""
        target = self._root / name
        if not target.exists():
            self._put.append(target)
        elif name == SECRET_FILE:
            self._secret = target.read_bytes()
        source.extract(name, target, self._partial(target))

    def undo(self) -> None:
        """What was put is gone; the key that it took the place of is back. Raises OSError."""
        for path in self._put:
            path.unlink(missing_ok=True)
        if self._secret is not None:
            (self._root / SECRET_FILE).write_bytes(self._secret)

    def _partial(self, target: Path) -> Path:
        """Where it is until it is whole: what a crash leaves of a file of people is swept there."""
        if target.is_relative_to(self._root / MEDIA):
            return self._media.incoming()
        return target.with_name(f".{target.name}.part")
