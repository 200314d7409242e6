"""`make two` shows two servers with a thread that went from one to the other."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from server import two
from server.errors import StartError
from server.two import GREETING, ROOT, Trial

PATIENCE = 150.0


def free_ports() -> tuple[int, int]:
    with socket.socket() as one, socket.socket() as other:
        one.bind(("127.0.0.1", 0))
        other.bind(("127.0.0.1", 0))
        return one.getsockname()[1], other.getsockname()[1]


def wait_for(text: str, log: Path, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + PATIENCE
    while text not in log.read_text():
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < end, log.read_text()
        time.sleep(0.2)


def wait_for_greeting(page: str) -> None:
    end = time.monotonic() + PATIENCE
    while GREETING not in httpx.get(page).text:
        assert time.monotonic() < end, page
        time.sleep(0.2)


def test_two_servers_start_federate_and_stop(tmp_path: Path) -> None:
    a, b = free_ports()
    log = tmp_path / "log"
    code = (
        f"import pathlib, server.two;server.two.main(pathlib.Path({str(tmp_path)!r}), ({a}, {b}))"
    )
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-c", code],
            cwd=ROOT,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        wait_for("Ctrl-C stops both", log, process)
        wait_for_greeting(f"http://localhost:{a}/c/marfan")
        wait_for_greeting(f"http://127.0.0.1:{b}/c/marfan@localhost:{a}")
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(60) == 0, log.read_text()
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(60)
    for directory in (tmp_path / "a", tmp_path / "b"):
        assert not (directory / "postgres" / "cluster" / "postmaster.pid").exists()


def test_a_server_that_ends_by_itself_is_told_with_its_last_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(two, "STEP", 0.01)
    a, b = (Trial(name, "localhost", 1, tmp_path / name) for name in "ab")
    stays = child(a, "import sys; sys.stdin.read()")
    ends = child(b, "print('first'); print('no room left'); exit(3)")
    try:
        with pytest.raises(StartError) as told:
            two._wait_until_one_ends((a, b), [stays, ends])
    finally:
        for process in (stays, ends):
            process.communicate(timeout=60)
    assert str(told.value) == f"b: no room left (b ended by itself with status 3; see {b.log})"


def child(trial: Trial, code: str) -> subprocess.Popen[bytes]:
    """Runs in place of one of the two servers, and writes to its log."""
    trial.directory.mkdir()
    with trial.log.open("wb") as log:
        return subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=log)
