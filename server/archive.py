"""The file of a backup: a zip with one entry for each table and file, and a manifest at its end.

It can be listed and read with any unzip program. Every entry has its SHA-256 in the manifest, and
an archive that was written is read back before it gets its name.
"""

from __future__ import annotations

import hashlib
import os
import zipfile
import zlib
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import IO

import msgspec

from server.errors import StartError

FORMAT = 1
MANIFEST = "manifest.json"
CHUNK = 1 << 20
COMPRESSION = {"compression": zipfile.ZIP_DEFLATED, "compresslevel": 4}


class TableFacts(msgspec.Struct, frozen=True):
    name: str
    columns: list[str]
    rows: int
    sha256: str

    @property
    def entry(self) -> str:
        return f"tables/{self.name}.copy"


class Manifest(msgspec.Struct, frozen=True):
    """What is in a backup. `files` are paths below the data directory with their SHA-256."""

    format: int
    made_at: datetime
    schema: str
    origin: str
    tables: list[TableFacts]
    sequences: dict[str, int]
    files: dict[str, str]


class Entry:
    """One entry while it is written or read: counts lines and hashes bytes."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()
        self.lines = 0

    def take(self, data: bytes) -> bytes:
        self._digest.update(data)
        self.lines += data.count(b"\n")
        return data

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()


class Writer:
    """Writes the entries of a new archive, one after the other."""

    def __init__(self, file: zipfile.ZipFile) -> None:
        self._file = file

    @contextmanager
    def open(self, entry: str | zipfile.ZipInfo) -> Iterator[IO[bytes]]:
        """An entry to write to; one that has only a name is made smaller."""
        with self._file.open(entry, "w", force_zip64=True) as file:
            yield file

    def add_file(self, name: str, path: Path) -> str:
        """Its SHA-256. It is stored as it is: pictures and recordings do not become smaller."""
        facts = Entry()
        with path.open("rb") as source, self.open(zipfile.ZipInfo(name)) as entry:
            while data := source.read(CHUNK):
                entry.write(facts.take(data))
        return facts.sha256

    def close(self, manifest: Manifest) -> None:
        self._file.writestr(MANIFEST, msgspec.json.format(msgspec.json.encode(manifest), indent=1))


@contextmanager
def create(path: Path) -> Iterator[Writer]:
    """A new archive, which appears under its name whole and verified, or not at all.

    Raises StartError when the name is taken or the file cannot be written.
    """
    if path.exists():
        raise StartError(f"{path} exists already: give another name.")
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        partial.touch(mode=0o600, exist_ok=False)
        with zipfile.ZipFile(partial, "w", **COMPRESSION) as file:  # type: ignore[call-overload]
            yield Writer(file)
        with Archive(partial) as written:
            written.verify()
        _settle(partial, path)
    except OSError as error:
        raise StartError(f"Cannot write {path} ({error.strerror or error}).") from error
    finally:
        partial.unlink(missing_ok=True)


class Archive:
    """A backup to read from. Raises StartError when it is none, or damaged."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._file = zipfile.ZipFile(path)
        except OSError as error:
            raise StartError(f"Cannot read {path} ({error.strerror or error}).") from error
        except zipfile.BadZipFile as error:
            raise StartError(f"{path} is no backup, or was cut off.") from error
        self.manifest = self._read_manifest()

    def __enter__(self) -> Archive:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def verify(self) -> None:
        """Read everything and compare it with the manifest."""
        for table in self.manifest.tables:
            facts = self._measure(table.entry)
            if (facts.sha256, facts.lines) != (table.sha256, table.rows):
                raise self._damaged(table.entry)
        for name, sha256 in self.manifest.files.items():
            if self._measure(_entry_of(name)).sha256 != sha256:
                raise self._damaged(name)

    async def rows(self, table: TableFacts) -> AsyncIterator[bytes]:
        """The bytes of one table."""
        for data in self._read(table.entry):
            yield data

    def extract(self, name: str, target: Path, partial: Path) -> None:
        """Write one file of the manifest to `target`, whole or not at all, for its owner only.

        It is `partial` until it is whole.
        """
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        partial.unlink(missing_ok=True)
        try:
            partial.touch(mode=0o600)
            with partial.open("wb") as file:
                for data in self._read(_entry_of(name)):
                    file.write(data)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(target)
        finally:
            partial.unlink(missing_ok=True)

    def _read(self, entry: str) -> Iterator[bytes]:
        try:
            with self._file.open(entry) as file:
                while data := file.read(CHUNK):
                    yield data
        except (KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
            raise self._damaged(entry) from error

    def _measure(self, entry: str) -> Entry:
        facts = Entry()
        for data in self._read(entry):
            facts.take(data)
        return facts

    def _read_manifest(self) -> Manifest:
        try:
            manifest = msgspec.json.decode(b"".join(self._read(MANIFEST)), type=Manifest)
        except msgspec.DecodeError as error:
            raise self._damaged(MANIFEST) from error
        if manifest.format != FORMAT:
            raise StartError(f"{self._path} was written by a newer Dazzle: use that version.")
        for name in manifest.files:
            parts = Path(name).parts
            if Path(name).is_absolute() or ".." in parts or not parts:
                raise self._damaged(name)
        return manifest

    def _damaged(self, what: str) -> StartError:
        return StartError(f"{self._path} is damaged ({what}): use another backup.")


def _entry_of(name: str) -> str:
    return f"files/{name}"


def _settle(partial: Path, path: Path) -> None:
    """Give a finished file its name, durably, and never another file's."""
    _sync(partial)
    try:
        path.hardlink_to(partial)
    except FileExistsError as error:
        raise StartError(f"{path} exists already: give another name.") from error
    except OSError:  # a file system without hard links
        partial.rename(path)
    with suppress(OSError):
        _sync(path.parent)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
