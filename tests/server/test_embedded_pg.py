"""The server that brings its own PostgreSQL: proved on every PostgreSQL that this machine has."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import unquote

import asyncpg
import pytest

from server import pg_binaries
from server.embedded_pg import AlreadyRunning, EmbeddedPostgres, running_dsn
from server.errors import StartError

FOUND = pg_binaries.find()
ROOT = Path(__file__).resolve().parents[2]

SERVE_AND_HANG = """
import sys, time
from pathlib import Path
from urllib.parse import unquote
from server.embedded_pg import EmbeddedPostgres
postgres = EmbeddedPostgres(Path(sys.argv[1]), durable=False)
postgres.start()
print(postgres.dsn, flush=True)
time.sleep(600)
"""


@pytest.fixture
def postgres(data_dir):
    server = EmbeddedPostgres(data_dir, durable=False)
    yield server
    server.stop()


async def ask(dsn: str, question: str) -> object:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(question)
    finally:
        await connection.close()


def pid_of(data_dir: Path) -> int:
    file = data_dir / "postgres" / "cluster" / "postmaster.pid"
    return int(file.read_text().split("\n", 1)[0])


def socket_dir_of(dsn: str) -> Path:
    return Path(unquote(dsn.partition("host=")[2]))


def is_gone(pid: int, seconds: float = 10) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        state = Path(f"/proc/{pid}/stat")
        if not state.exists() or state.read_text().rsplit(")", 1)[1].split()[0] == "Z":
            return True
        time.sleep(0.05)
    return False


@pytest.mark.parametrize("binaries", FOUND, ids=lambda found: f"PostgreSQL {found.major}")
async def test_it_serves_stops_and_starts_again(data_dir, binaries):
    server = EmbeddedPostgres(data_dir, binaries=binaries.directory)
    dsn = server.start()
    try:
        version = int(await ask(dsn, "show server_version_num"))
        assert version // 10_000 == binaries.major
        assert await ask(dsn, "show fsync") == "on"
        assert await ask(dsn, "show jit") == "off"
        assert await ask(dsn, "show listen_addresses") == ""
        assert await ask(dsn, "show server_encoding") == "UTF8"
        assert await ask(dsn, "select upper('é') || ('a' < 'B')::text") == "Éfalse"
        await ask(dsn, "create table kept as select 42 as answer")
        pid = pid_of(data_dir)
    finally:
        server.stop()
    assert is_gone(pid)
    began = time.monotonic()
    with EmbeddedPostgres(data_dir, binaries=binaries.directory) as again:
        assert time.monotonic() - began < 2
        assert await ask(again.dsn, "select answer from kept") == 42


def test_at_least_one_postgresql_is_present():
    assert FOUND


def test_nobody_else_may_enter_its_directory(postgres, data_dir):
    directory = socket_dir_of(postgres.start())
    assert stat.S_IMODE((data_dir / "postgres").stat().st_mode) == 0o700
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    sockets = [path for path in directory.iterdir() if path.is_socket()]
    assert [stat.S_IMODE(path.stat().st_mode) for path in sockets] == [0o700]


def test_a_second_one_is_refused_and_can_share_the_first(postgres, data_dir):
    dsn = postgres.start()
    with pytest.raises(AlreadyRunning):
        EmbeddedPostgres(data_dir).start(patience=0.1)
    assert running_dsn(data_dir) == dsn
    postgres.stop()
    assert running_dsn(data_dir) is None


def test_it_ends_when_its_parent_is_killed_and_recovers(data_dir):
    parent = subprocess.Popen(
        [sys.executable, "-c", SERVE_AND_HANG, str(data_dir)],
        stdout=subprocess.PIPE, text=True, cwd=ROOT,
    )  # fmt: skip
    assert parent.stdout is not None
    dsn = parent.stdout.readline().strip()
    asyncio.run(ask(dsn, "create table kept as select 7 as answer"))
    pid = pid_of(data_dir)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    assert is_gone(pid)
    with EmbeddedPostgres(data_dir, durable=False) as again:
        assert asyncio.run(ask(again.dsn, "select answer from kept")) == 7


def test_it_recovers_when_the_server_itself_was_killed(data_dir):
    with EmbeddedPostgres(data_dir) as server:
        asyncio.run(ask(server.dsn, "create table kept as select 8 as answer"))
        os.kill(pid_of(data_dir), signal.SIGKILL)
        assert is_gone(pid_of(data_dir))
        server.restart()
        assert asyncio.run(ask(server.dsn, "select answer from kept")) == 8


def test_a_stale_pid_that_now_belongs_to_a_stranger_is_forgotten(postgres, data_dir):
    postgres.start()
    postgres.stop()
    stranger = subprocess.Popen(["sleep", "60"])
    try:
        file = data_dir / "postgres" / "cluster" / "postmaster.pid"
        file.write_text(f"{stranger.pid}\n{file.parent}\n1\n5432\n/nowhere\n\n  1  1\nready   \n")
        assert running_dsn(data_dir) is None
        postgres.start()
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_birth_that_was_interrupted_is_begun_again(postgres, data_dir):
    postgres.start()
    postgres.stop()
    home = data_dir / "postgres"
    (home / "cluster").rename(home / "cluster.new")
    assert asyncio.run(ask(postgres.start(), "select 1")) == 1


def test_a_long_path_gets_a_short_private_place_for_its_socket(tmp_path, data_dir):
    del tmp_path
    server = EmbeddedPostgres(data_dir / ("long" * 25), durable=False)
    dsn = server.start()
    try:
        assert asyncio.run(ask(dsn, "select 1")) == 1
        directory = socket_dir_of(dsn)
        assert len(str(directory)) < 60
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    finally:
        server.stop()
    assert not directory.exists()


def test_a_strange_path_works(data_dir):
    with EmbeddedPostgres(data_dir / "ü, 'x' \"y\" %20?&=#", durable=False) as server:
        assert asyncio.run(ask(server.dsn, "select 1")) == 1


def test_other_data_than_ours_is_one_line(postgres, data_dir):
    postgres.start()
    postgres.stop()
    (data_dir / "postgres" / "cluster" / "PG_VERSION").write_text("9\n")
    with pytest.raises(StartError, match=r"made by PostgreSQL 9, which is not installed[^\n]*$"):
        postgres.start()


def test_a_wrong_directory_of_programs_is_one_line(data_dir):
    with pytest.raises(StartError, match=r"DAZZLE_PG_BIN[^\n]*$"):
        EmbeddedPostgres(data_dir, binaries=Path("/nonexistent")).start()


def test_a_file_in_the_place_of_the_data_directory_is_one_line(data_dir):
    data_dir.parent.mkdir()
    data_dir.write_text("")
    with pytest.raises(StartError, match=r"Cannot write to the data directory[^\n]*$"):
        EmbeddedPostgres(data_dir).start()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root changes to another user")
def test_root_puts_the_database_elsewhere_when_its_user_cannot_enter(tmp_path, monkeypatch):
    outside = Path("/tmp") / f"dazzle-outside-{os.getpid()}"
    monkeypatch.setattr("server.pg_home.OUTSIDE", outside)
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    server = EmbeddedPostgres(closed / "data", durable=False)
    try:
        assert asyncio.run(ask(server.start(), "select 1")) == 1
        home = closed / "data" / "postgres"
        assert home.readlink().is_relative_to(outside)
        server.stop()
        assert asyncio.run(ask(server.start(), "select 1")) == 1
    finally:
        server.stop()
        subprocess.run(["rm", "-rf", str(outside)], check=True)


def test_no_port_is_opened(postgres):
    postgres.start()
    with pytest.raises(OSError), socket.create_connection(("127.0.0.1", 5432), timeout=1):
        pass
