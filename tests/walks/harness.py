"""Real servers as child processes, and people who use them as a browser does.

A Server is `python -m server …` on a free loopback port, with a database and a data directory of
its own. Nothing outlives the test: every process dies with this one, and each wait has an end.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urljoin, urlsplit

import asyncpg
import httpx

from server.embedded_pg import running_dsn
from server.processes import tied_to_this_process
from tests.walks.forms import Page, read_page

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "a long walk in the evening"
RUN = ("-m", "server")
START_SECONDS = 120.0  # a busy machine; nothing waits this long in good times
WAIT_SECONDS = 40.0

T = TypeVar("T")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Server:
    """One Dazzle on loopback. `dsn` may be empty: then it brings its own database."""

    name: str
    data: Path
    dsn: str
    parts: tuple[str, ...] = ("serve",)
    port: int = field(default_factory=free_port)
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def origin(self) -> str:
        return f"http://{self.host}"

    @property
    def log(self) -> Path:
        return self.data.parent / f"{self.name}.log"

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("DAZZLE_")}
        return kept | {
            "DAZZLE_ORIGIN": self.origin,
            "DAZZLE_BIND": self.host,
            "DAZZLE_DATA_DIR": str(self.data),
            "DAZZLE_ALLOW_LOOPBACK": "1",
            "DAZZLE_WEB_PROCESSES": "1",
            "DAZZLE_WORKER_PROCESSES": "1",
            "DAZZLE_METRICS_BIND": "off",
            "DAZZLE_TRUSTED_PROXIES": "127.0.0.1",
            **({"DAZZLE_DATABASE_URL": self.dsn} if self.dsn else {}),
        }

    def start(self, *parts: str) -> None:
        """Start all parts or the given ones, and wait until the server answers."""
        self.launch(*parts)
        self.wait_ready()

    def launch(self, *parts: str) -> None:
        for part in parts or self.parts:
            with self.log.open("ab") as log:
                self.processes[part] = subprocess.Popen(
                    [sys.executable, *RUN, part],
                    cwd=ROOT,
                    env=self.environment,
                    stdout=log,
                    stderr=log,
                    stdin=subprocess.DEVNULL,
                    preexec_fn=tied_to_this_process(signal.SIGTERM),  # noqa: PLW1509 - no threads
                )

    def wait_ready(self) -> None:
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until:
            dead = [part for part, process in self.processes.items() if process.poll() is not None]
            if dead:
                raise AssertionError(f"{self.name}: {dead} ended at once\n{self.tail()}")
            with contextlib.suppress(httpx.HTTPError):
                if (
                    httpx.get(f"{self.origin}/readyz", trust_env=False, timeout=2).status_code
                    == 200
                ):
                    return
            time.sleep(0.05)
        raise AssertionError(f"{self.name} is not ready after {START_SECONDS} s\n{self.tail()}")

    def stop(self, *parts: str) -> None:
        """Ask nicely, wait, then insist."""
        stopping = [self.processes.pop(part) for part in parts or tuple(self.processes)]
        for process in stopping:
            process.terminate()
        for process in stopping:
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(5)

    def kill(self, part: str) -> None:
        """kill -9, as the kernel does when memory runs out."""
        process = self.processes.pop(part)
        process.kill()
        process.wait(5)

    def run(self, *arguments: str, stdin: str = "") -> str:
        """A command of the program; its output. Fails when the command fails."""
        done = subprocess.run(
            [sys.executable, *RUN, *arguments],
            cwd=ROOT,
            env=self.environment,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=START_SECONDS,
            check=False,
        )
        assert done.returncode == 0, f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def tail(self) -> str:
        """The end of the log, for a failure's message."""
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return f"--- {self.name} ---\n" + "\n".join(text.splitlines()[-25:])

    async def rows(self, statement: str, *arguments: object) -> list[tuple[Any, ...]]:
        """Look into the database, behind the program's back."""
        connection = await asyncpg.connect(self.dsn or running_dsn(self.data), timeout=10)
        try:
            return [tuple(row) for row in await connection.fetch(statement, *arguments)]
        finally:
            await connection.close()

    async def value(self, statement: str, *arguments: object) -> Any:
        rows = await self.rows(statement, *arguments)
        return rows[0][0] if rows else None


async def wait_until(
    look: Callable[[], Awaitable[T]], what: str, *servers: Server, seconds: float = WAIT_SECONDS
) -> T:
    """Look until the answer is true; fail with the last answer and the logs."""
    until = time.monotonic() + seconds
    while True:
        seen = await look()
        if seen:
            return seen
        if time.monotonic() > until:
            logs = "\n".join(server.tail() for server in servers)
            raise AssertionError(f"not within {seconds} s: {what}; last seen: {seen!r}\n{logs}")
        await asyncio.sleep(0.05)


async def bury(server: Server) -> None:
    """Let the leases of a killed worker run out now, and not in a minute."""
    await server.rows("update destinations set leased_until = now()")
    await server.rows("update inbox set claimed_until = now()")


class Browser:
    """Somebody with a browser that runs no JavaScript, at an address of their own."""

    def __init__(self, server: Server, name: str = "") -> None:
        self.server = server
        self.name = name
        self._client = httpx.AsyncClient(
            base_url=server.origin,
            trust_env=False,
            timeout=20,
            follow_redirects=False,
            headers={"x-forwarded-for": f"10.{'.'.join(map(str, secrets.token_bytes(3)))}"},
        )

    async def __aenter__(self) -> Browser:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    async def get(self, path: str, **headers: str) -> httpx.Response:
        """Ask for one address and take the answer as it is."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self._client.get(path, headers={"accept": "text/html", **sent})

    @property
    def cookies(self) -> dict[str, str]:
        """What this browser was handed, for another one to go on with."""
        return dict(self._client.cookies)

    async def open(self, path: str) -> Page:
        """Open a page, following the server's redirects."""
        for _ in range(5):
            response = await self.get(path)
            if not response.is_redirect:
                return read_page(response.status_code, path, response.text)
            path = urljoin(path, response.headers["location"])
        raise AssertionError(f"too many redirects at {path}")

    async def post_blindly(self, path: str, **fields: str) -> httpx.Response:
        """Send a form to an address that shows none, as somebody who guesses it would."""
        token = (await self.open("/about")).form("/sign-out").fields
        return await self._client.post(path, data=token | fields, headers=self._from(path))

    async def send(
        self, page: Page, action: str, *, files: tuple[bytes, ...] = (), **fields: str
    ) -> Page:
        """Fill the form of a page and send it; the page that the person then sees."""
        form = page.form(action)
        address = urljoin(page.path, form.action or page.path)
        response = await self._client.post(
            address,
            data=form.fields | fields,
            files=[("file", ("a.jpg", file, "image/jpeg")) for file in files] or None,
            headers=self._from(page.path),
        )
        if response.is_redirect:
            return await self.open(urljoin(address, response.headers["location"]))
        return read_page(response.status_code, address, response.text)

    def _from(self, path: str) -> dict[str, str]:
        return {
            "origin": self.server.origin,
            "sec-fetch-site": "same-origin",
            "referer": urljoin(self.server.origin, path),
        }


def path_of(url: str) -> str:
    return urlsplit(url).path


def new_name(word: str) -> str:
    """A name nobody has yet: tests share their servers."""
    return f"{word}_{secrets.token_hex(3)}"
