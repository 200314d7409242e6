"""Where the embedded database lives, and as whom it runs.

PostgreSQL refuses to run as root. Started as root, it runs under an unprivileged user that the
machine already has, so its files and programs must be reachable for that user: when a parent
directory is closed, they go to a directory of our own instead.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from server.errors import StartError
from server.pg_binaries import Binaries

UNPRIVILEGED = ("dazzle", "postgres", "nobody")
OUTSIDE = Path("/var/lib/dazzle")


@dataclass(frozen=True, slots=True)
class RunAs:
    """The user of the database processes; `changes` when it is not the one we run as."""

    uid: int
    gid: int
    changes: bool

    def options(self) -> dict[str, object]:
        """Arguments of subprocess that make a child run as this user."""
        if not self.changes:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}


def make_data_dir(data_dir: Path) -> None:
    """Raises StartError. Root leaves the directory passable, not readable, for the database."""
    try:
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o711 if os.geteuid() == 0 else 0o700)
        with tempfile.TemporaryFile(dir=data_dir) as probe:
            probe.write(b"x" * 65536)
    except OSError as error:
        raise StartError(
            f"Cannot write to the data directory {data_dir} ({error.strerror}): "
            f"make room or give another one in DAZZLE_DATA_DIR."
        ) from error


def prepare(data_dir: Path) -> tuple[Path, RunAs]:
    """The database's own directory, made and owned by the user it runs as."""
    home = data_dir / "postgres"
    if home.exists():
        return home.resolve(), _owner_of(home)
    run_as = _choose_user()
    if home.is_symlink():
        raise StartError(f"{home} points to {home.readlink()}, which does not exist.")
    try:
        if run_as.changes and not _can_enter(data_dir, run_as):
            home.symlink_to(_make_outside(run_as, data_dir), target_is_directory=True)
        else:
            _make_private(home, run_as)
    except OSError as error:
        raise StartError(f"Cannot make {home} ({error.strerror}).") from error
    # Resolved, because the link itself may stand in a directory that its user cannot enter.
    return home.resolve(), run_as


def reachable(binaries: Binaries, run_as: RunAs) -> Binaries:
    """The same programs, copied once to a place that the database's user may enter."""
    if not run_as.changes or _can_enter(binaries.directory, run_as):
        return binaries
    try:
        if binaries.from_wheel:
            return Binaries(_copy_from_wheel(binaries), binaries.major, from_wheel=True)
        reason = "it is closed"
    except OSError as error:
        reason = f"{OUTSIDE} cannot hold a copy: {error.strerror}"
    raise StartError(
        f"The user of the database cannot run the programs in {binaries.directory} ({reason}): "
        f"install PostgreSQL on the system."
    )


def make_socket_dir(preferred: Path, run_as: RunAs) -> Path:
    """`preferred`, or a short private directory when a socket's path would not fit or parse."""
    socket = str(preferred / ".s.PGSQL.5432")
    plain = all(c.isalnum() or c in "/_.- " for c in socket) and socket.isascii()
    if plain and len(socket) <= 100:
        _make_private(preferred, run_as)
        return preferred
    short = Path(tempfile.mkdtemp(prefix="dazzle-"))
    if run_as.changes:
        os.chown(short, run_as.uid, run_as.gid)
    return short


def _copy_from_wheel(binaries: Binaries) -> Path:
    """Programs find their libraries beside the package, so both keep their places."""
    install = binaries.directory.parent
    package = install.parent
    libraries = package.with_name(f"{package.name}.libs")
    copy = OUTSIDE / f"programs-{binaries.major}-{install.stat().st_mtime_ns}"
    if not copy.exists():
        _make_passable(OUTSIDE)
        fresh = Path(tempfile.mkdtemp(dir=OUTSIDE, prefix="copying-"))
        unneeded = shutil.ignore_patterns("include", "__pycache__")
        shutil.copytree(install, fresh / package.name / install.name, ignore=unneeded)
        if libraries.is_dir():
            shutil.copytree(libraries, fresh / libraries.name)
        fresh.chmod(0o755)
        fresh.rename(copy)
    return copy / package.name / install.name / binaries.directory.name


def _choose_user() -> RunAs:
    if os.geteuid() != 0:
        return RunAs(os.geteuid(), os.getegid(), changes=False)
    for name in UNPRIVILEGED:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return RunAs(entry.pw_uid, entry.pw_gid, changes=True)
    raise StartError(
        "PostgreSQL does not run as root and there is no user postgres or nobody: "
        "run dazzle as an ordinary user, or set DAZZLE_DATABASE_URL."
    )


def _owner_of(home: Path) -> RunAs:
    try:
        status = home.stat()
    except OSError as error:
        raise StartError(f"Cannot enter {home} ({error.strerror}).") from error
    if os.geteuid() == 0 and status.st_uid != 0:
        return RunAs(status.st_uid, status.st_gid, changes=True)
    if status.st_uid != os.geteuid() or status.st_uid == 0:
        raise StartError(
            f"{home} belongs to user id {status.st_uid}: run dazzle as that user, as root, "
            f"or give another DAZZLE_DATA_DIR."
        )
    return RunAs(status.st_uid, status.st_gid, changes=False)


def _can_enter(directory: Path, run_as: RunAs) -> bool:
    # Asked of the kernel, not computed: ACLs and mount options count too.
    command = ["test", "-x", str(directory)]
    return subprocess.run(command, check=False, **run_as.options()).returncode == 0  # type: ignore[call-overload,no-any-return]


def _make_outside(run_as: RunAs, data_dir: Path) -> Path:
    try:
        _make_passable(OUTSIDE)
        home = Path(tempfile.mkdtemp(dir=OUTSIDE, prefix="database-"))
        os.chown(home, run_as.uid, run_as.gid)
    except OSError as error:
        raise StartError(
            f"The user of the database cannot enter {data_dir}, and {OUTSIDE} cannot be made "
            f"({error.strerror}): open the directory with chmod a+x, or give another "
            f"DAZZLE_DATA_DIR."
        ) from error
    if not _can_enter(home, run_as):
        raise StartError(
            f"The user of the database can enter neither {data_dir} nor {OUTSIDE}: "
            f"open one of them with chmod a+x."
        )
    return home


def _make_passable(directory: Path) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    directory.chmod(0o711)


def _make_private(directory: Path, run_as: RunAs) -> None:
    directory.mkdir(exist_ok=True, mode=0o700)
    if run_as.changes:
        os.chown(directory, run_as.uid, run_as.gid)
