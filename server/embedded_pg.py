"""A PostgreSQL of our own: a child process on a private socket, that ends when we end.

It knows nothing of the schema. The database listens on no network; whoever may enter its
directory (0700) may connect, nobody else. Tests use the same code with `durable=False`.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO
from urllib.parse import quote

from server import pg_binaries, pg_home
from server.errors import StartError
from server.processes import tied_to_this_process

SUPERUSER = "dazzle"
DATABASE = "dazzle"
LOCK_PATIENCE = 5.0  # seconds: the children of a killed parent let go of the lock a moment later
FAST_STOP = 30.0  # seconds until a stop that waits for open transactions becomes an immediate one
START_TRIES = 20
START_PATIENCE = 900.0  # recovery after a crash may have much to replay
BIG_LOG = 1_000_000
ROOM_FOR_CLUSTER = 100_000_000  # bytes: an empty one and its first log of changes

SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "jit": "off",
    "max_connections": "100",
    "shared_buffers": "128MB",
    "timezone": "UTC",
    # A log line must not carry what people wrote: no statement texts, no key values.
    "log_min_messages": "warning",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
}
NOT_DURABLE = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "200",  # tests run many servers beside each other
}


class AlreadyRunning(StartError):
    """Another process of this user serves this data directory."""


class EmbeddedPostgres:
    """Start and stop one server for a data directory. Start it from the main thread: the kernel
    stops it when the thread that started it ends."""

    def __init__(
        self, data_dir: Path, *, binaries: Path | None = None, durable: bool = True
    ) -> None:
        self.data_dir = data_dir.absolute()
        self.dsn = ""
        self._binaries = binaries
        self._durable = durable
        self._lock: IO[str] | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._socket_dir: Path | None = None

    def start(self, *, patience: float = LOCK_PATIENCE) -> str:
        """Returns the DSN once the server answers. Raises StartError; recovers after a crash."""
        pg_home.make_data_dir(self.data_dir)
        self._lock = _take_lock(self.data_dir / "postgres.lock", patience)
        try:
            self._start_locked()
        except BaseException:
            self.stop()
            raise
        return self.dsn

    def poll(self) -> int | None:
        """The exit status of the server if it has died, else None."""
        return None if self._process is None else self._process.poll()

    def stop(self) -> None:
        """Stop it cleanly, and let go of the lock."""
        if self._process is not None:
            _stop(self._process)
            self._process = None
        if self._socket_dir is not None and self._socket_dir.name != "run":
            shutil.rmtree(self._socket_dir, ignore_errors=True)
        self._socket_dir = None
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def restart(self) -> None:
        """After the server died by itself: start it again, under the lock that we still hold."""
        self._start_locked()

    def __enter__(self) -> EmbeddedPostgres:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _start_locked(self) -> None:
        home, run_as = pg_home.prepare(self.data_dir)
        cluster = home / "cluster"
        found = pg_binaries.find(self._binaries)
        chosen = pg_home.reachable(pg_binaries.choose(found, _major_of(cluster)), run_as)
        if not cluster.exists():
            _make_cluster(chosen, cluster, run_as, durable=self._durable)
        _clear_leftovers(cluster)
        if self._socket_dir is None:  # after a restart, others still know the old one
            self._socket_dir = pg_home.make_socket_dir(home / "run", run_as)
        log = home / "log"
        command = _command(chosen.directory, cluster, self._socket_dir, durable=self._durable)
        for tries_left in reversed(range(START_TRIES)):
            self._process = _spawn(command, log, run_as)
            if _wait_until_ready(self._process, cluster):
                break
            reason = _reason(_tail(log))
            # The sessions of a server that was killed take a moment to notice it.
            if not tries_left or "shared memory block" not in reason:
                raise StartError(f"The database did not start: {reason} (log: {log})")
            time.sleep(0.5)
        self.dsn = _dsn(self._socket_dir)


def running_dsn(data_dir: Path) -> str | None:
    """The DSN of the server that another process runs for this data directory, if any."""
    cluster = data_dir.absolute() / "postgres" / "cluster"
    postmaster = _read_postmaster(cluster)
    if postmaster is None or not postmaster.is_ready or not _is_alive(postmaster.pid, cluster):
        return None
    return _dsn(Path(postmaster.socket_dir))


@dataclass(frozen=True, slots=True)
class Postmaster:
    """What a server writes into postmaster.pid."""

    pid: int
    socket_dir: str
    is_ready: bool


def _read_postmaster(cluster: Path) -> Postmaster | None:
    try:
        lines = (cluster / "postmaster.pid").read_text().splitlines()
        return Postmaster(
            pid=int(lines[0]),
            socket_dir=lines[4] if len(lines) > 4 else "",
            is_ready=len(lines) > 7 and lines[7].strip() == "ready",
        )
    except (OSError, ValueError, IndexError):
        return None


def _is_alive(pid: int, cluster: Path) -> bool:
    """Whether `pid` is the server of this cluster and not a stranger that got its number."""
    try:
        return Path(f"/proc/{pid}/cwd").samefile(cluster)
    except FileNotFoundError:
        return not Path("/proc/self").exists() and _exists(pid)
    except OSError:
        return False


def _exists(pid: int) -> bool:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, 0)
        return True
    return False


def _take_lock(path: Path, patience: float) -> IO[str]:
    try:
        lock = path.open("a")
    except OSError as error:
        raise StartError(f"Cannot write {path} ({error.strerror}).") from error
    for _ in _ticks(patience):
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return lock
    lock.close()
    raise AlreadyRunning(f"Another dazzle serves the data directory {path.parent}: stop it first.")


def _major_of(cluster: Path) -> int | None:
    if not cluster.exists():
        return None
    try:
        return int((cluster / "PG_VERSION").read_text())
    except (OSError, ValueError) as error:
        raise StartError(f"{cluster} is not a PostgreSQL data directory.") from error


def _make_cluster(
    binaries: pg_binaries.Binaries, cluster: Path, run_as: pg_home.RunAs, *, durable: bool
) -> None:
    # Made beside its place and renamed: a start that is interrupted here leaves no half cluster.
    fresh = cluster.with_name("cluster.new")
    shutil.rmtree(fresh, ignore_errors=True)
    free = shutil.disk_usage(cluster.parent).free
    if free < ROOM_FOR_CLUSTER:
        raise StartError(
            f"Only {free // 1_000_000} MB are free in {cluster.parent}: a new database needs "
            f"{ROOM_FOR_CLUSTER // 1_000_000} MB."
        )
    command = [
        str(binaries.directory / "initdb"),
        f"--pgdata={fresh}",
        f"--username={SUPERUSER}",
        "--auth-local=trust",
        "--auth-host=reject",
        "--encoding=UTF8",
        # Never the locale of whoever typed the command: it would decide how names sort.
        "--locale=C.UTF-8",
    ]
    command += ["--locale-provider=builtin"] if binaries.major >= 17 else []
    command += [] if durable else ["--no-sync"]
    _run(command, run_as)
    single = [str(binaries.directory / "postgres"), "--single", "-D", str(fresh), "postgres"]
    _run(single, run_as, f"create database {DATABASE}\n")
    fresh.rename(cluster)


def _run(command: list[str], run_as: pg_home.RunAs, text: str | None = None) -> None:
    done = subprocess.run(
        command,
        input=text,
        stdin=subprocess.DEVNULL if text is None else None,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        cwd="/",
        env=_environment(),
        preexec_fn=tied_to_this_process(signal.SIGTERM),
        **run_as.options(),  # type: ignore[call-overload]
    )
    if done.returncode != 0:
        raise StartError(f"Cannot make the database: {_reason(done.stdout)}")


def _command(directory: Path, cluster: Path, socket_dir: Path, *, durable: bool) -> list[str]:
    settings = SETTINGS | {"unix_socket_directories": f'"{socket_dir}"'}
    settings |= {} if durable else NOT_DURABLE
    command = [str(directory / "postgres"), "-D", str(cluster)]
    for name, value in settings.items():
        command += ["-c", f"{name}={value}"]
    return command


def _spawn(command: list[str], log: Path, run_as: pg_home.RunAs) -> subprocess.Popen[bytes]:
    with contextlib.suppress(FileNotFoundError):
        if log.stat().st_size > BIG_LOG:
            log.unlink()
    with log.open("ab") as output:
        process: subprocess.Popen[bytes] = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd="/",
            env=_environment(),
            # A session of its own: Ctrl-C reaches us, and we stop it after web and workers.
            start_new_session=True,
            preexec_fn=tied_to_this_process(signal.SIGINT),  # noqa: PLW1509 - we start no threads
            **run_as.options(),  # type: ignore[call-overload]
        )
    return process


def _environment() -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
    return kept | {"LC_ALL": "C", "TZ": "UTC"}


def _wait_until_ready(process: subprocess.Popen[bytes], cluster: Path) -> bool:
    """False when it ended instead."""
    for _ in _ticks(START_PATIENCE):
        if process.poll() is not None:
            return False
        postmaster = _read_postmaster(cluster)
        if postmaster is not None and postmaster.pid == process.pid and postmaster.is_ready:
            return True
    return False


def _clear_leftovers(cluster: Path) -> None:
    """After a crash: stop a server that lost its parent, forget one that is long gone.

    We hold the lock, so no server here belongs to anybody.
    """
    postmaster = _read_postmaster(cluster)
    if postmaster is None:
        return
    if _is_alive(postmaster.pid, cluster):
        for number, patience in ((signal.SIGINT, FAST_STOP), (signal.SIGQUIT, FAST_STOP)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(postmaster.pid, number)
            if any(not _is_alive(postmaster.pid, cluster) for _ in _ticks(patience)):
                break
    # PostgreSQL refuses to start while the old number belongs to any process but its own parent.
    # The rest of the file stays: by it, it finds out whether old sessions still use the data.
    file = cluster / "postmaster.pid"
    with contextlib.suppress(FileNotFoundError):
        _, _, rest = file.read_text().partition("\n")
        file.write_text(f"{os.getpid()}\n{rest}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
        if process.poll() is not None:
            return
        process.send_signal(number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(FAST_STOP)


def _dsn(socket_dir: Path) -> str:
    return f"postgresql://{SUPERUSER}@/{DATABASE}?host={quote(str(socket_dir))}"


def _ticks(seconds: float) -> Iterator[None]:
    """Looks every few milliseconds, for at most `seconds`, and at least once."""
    end = time.monotonic() + seconds
    while True:
        yield
        if time.monotonic() >= end:
            return
        time.sleep(0.01)


def _tail(log: Path) -> str:
    with contextlib.suppress(OSError):
        return log.read_text(errors="replace")[-4000:]
    return ""


def _reason(output: str) -> str:
    """The line of a program's output that says why, without time stamps."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    telling = [line for line in lines if "FATAL" in line or "error:" in line]
    chosen = (telling or lines or ["no output"])[-1]
    return chosen.split("FATAL:")[-1].strip()
