from __future__ import annotations

import contextlib
import os
import signal
import socket
import time
import urllib.error
import urllib.request

import psutil
import pytest

from tests.server.program import all_gone, run, running, settings

SERVES = "Dazzle serves"
INVITES = "Make yourself its administrator: "


def status_of(environment: dict[str, str], path: str) -> int:
    with urllib.request.urlopen(environment["DAZZLE_ORIGIN"] + path, timeout=10) as answer:
        return int(answer.status)


def web_of(family: list[psutil.Process]) -> psutil.Process:
    """The child that listens: the first that was forked."""
    return min((p for p in family if "python" in p.name()), key=lambda process: process.pid)


def test_one_command_brings_database_web_and_workers_and_takes_them_away(data_dir):
    environment = settings(data_dir)
    with running(environment, "serve") as program:
        assert environment["DAZZLE_ORIGIN"] in program.wait_for(SERVES)
        link = program.wait_for(INVITES).removeprefix(INVITES)
        assert status_of(environment, "/readyz") == 200
        assert status_of(environment, link.removeprefix(environment["DAZZLE_ORIGIN"])) == 200
        family = program.family()
        assert any("postgres" in process.name() for process in family)
        assert program.stop(signal.SIGINT) == 0
        assert all_gone(family)


def test_killed_it_leaves_nothing_behind_and_starts_again_by_itself(data_dir):
    environment = settings(data_dir)
    with running(environment, "serve") as program:
        program.wait_for(SERVES)
        family = program.family()
        program.process.kill()
        program.process.wait()
        assert all_gone(family)
    with running(environment, "serve") as again:
        again.wait_for(SERVES)
        assert status_of(environment, "/readyz") == 200
        assert again.stop() == 0


def test_a_child_that_dies_is_replaced(data_dir, database_url):
    environment = settings(data_dir, DAZZLE_DATABASE_URL=database_url)
    with running(environment, "serve") as program:
        program.wait_for(SERVES)
        victim = web_of(program.family())
        victim.kill()
        assert all_gone([victim])
        end = time.monotonic() + 15
        while victim.pid == web_of(program.family()).pid and time.monotonic() < end:
            time.sleep(0.05)
        assert status_of(environment, "/readyz") == 200
        assert program.stop() == 0


def test_several_processes_share_one_port(data_dir, database_url):
    environment = settings(
        data_dir,
        DAZZLE_DATABASE_URL=database_url,
        DAZZLE_WEB_PROCESSES="2",
        DAZZLE_WORKER_PROCESSES="2",
    )
    with running(environment, "serve") as program:
        program.wait_for(SERVES)
        assert len([p for p in program.family() if p.ppid() == program.process.pid]) == 4
        assert status_of(environment, "/healthz") == 200
        assert program.stop() == 0


def test_web_and_workers_run_apart(data_dir, database_url):
    environment = settings(data_dir, DAZZLE_DATABASE_URL=database_url)
    assert run(environment, "migrate").returncode == 0
    with running(environment, "web") as web, running(environment, "work") as work:
        web.wait_for(SERVES)
        work.wait_for("Dazzle works")
        assert status_of(environment, "/readyz") == 200
        assert (web.stop(), work.stop()) == (0, 0)


def test_a_worker_does_not_end_the_link_of_the_first_visit(data_dir, database_url):
    environment = settings(data_dir, DAZZLE_DATABASE_URL=database_url)
    with running(environment, "serve") as program, running(environment, "work") as work:
        link = program.wait_for(INVITES).removeprefix(INVITES)
        work.wait_for("Dazzle works")
        assert status_of(environment, link.removeprefix(environment["DAZZLE_ORIGIN"])) == 200


def test_a_taken_port_is_one_line(data_dir):
    environment = settings(data_dir)
    host, port = environment["DAZZLE_BIND"].split(":")
    with socket.create_server((host, int(port))):
        done = run(environment, "serve")
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert f"Port {port}" in done.stderr
    assert "DAZZLE_BIND" in done.stderr
    assert not data_dir.exists()


@pytest.mark.parametrize("command", ["serve", "web", "work", "migrate", "seed"])
def test_an_unreachable_database_is_one_line(data_dir, command):
    url = "postgresql://nobody@127.0.0.1:1/none"
    done = run(settings(data_dir, DAZZLE_DATABASE_URL=url), command)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "Cannot reach the database" in done.stderr


def test_a_data_directory_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    done = run(settings(tmp_path / "file" / "data"), "serve")
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "data directory" in done.stderr


def test_a_second_one_on_the_same_data_is_one_line(data_dir):
    with running(settings(data_dir), "serve") as program:
        program.wait_for(SERVES)
        done = run(settings(data_dir), "serve")
        assert done.returncode == 2
        assert len(done.stderr.splitlines()) == 1
        assert "stop it first" in done.stderr


def test_the_demo_is_never_served_to_the_world(data_dir, database_url):
    environment = settings(data_dir, DAZZLE_DATABASE_URL=database_url)
    assert run(environment, "seed").returncode == 0
    public = environment | {"DAZZLE_ORIGIN": "https://forum.example"}
    for command in ("serve", "web"):
        done = run(public, command)
        assert done.returncode == 2
        assert "demo" in done.stderr


def test_a_database_of_a_newer_version_is_left_alone(data_dir, database_url):
    environment = settings(data_dir, DAZZLE_DATABASE_URL=database_url)
    set_version = f"psql {database_url!r} -qc \"update alembic_version set version_num='9999'\""
    if os.system(set_version):
        pytest.skip("needs psql: Debian package postgresql-client")
    done = run(environment, "serve")
    assert done.returncode == 2
    assert "newer Dazzle" in done.stderr


def test_a_database_that_dies_is_started_again(data_dir):
    environment = settings(data_dir)
    with running(environment, "serve") as program:
        program.wait_for(SERVES)
        postmaster = next(p for p in program.family() if p.ppid() == program.process.pid
                          and "postgres" in p.name())  # fmt: skip
        postmaster.kill()
        end = time.monotonic() + 30
        while time.monotonic() < end:
            time.sleep(0.2)
            with contextlib.suppress(urllib.error.URLError, OSError):
                if postmaster.is_running() is False and status_of(environment, "/readyz") == 200:
                    break
        assert status_of(environment, "/communities") == 200
        assert program.stop() == 0
