"""`make two`: two servers on this machine that federate, with a member of one in a community of
the other.

The servers are ordinary ones, started as anybody would start them; what happens between them goes
over HTTP and through their own queues.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from forum import membership, threads
from forum.ports import Services
from forum.text import compose
from server import settings as settings_file
from server.app import open_parts
from server.database import reachable
from server.errors import StartError
from server.processes import tied_to_this_process
from server.seed import PASSWORD
from server.settings import Settings
from storage import actors, communities, memberships
from storage.actors import Actor
from storage.communities import Community

ROOT = Path(__file__).resolve().parent.parent
PATIENCE = 90.0  # seconds, for a first start on a busy machine
STOP_PATIENCE = 20.0
STEP = 0.2

MEMBER = "mattis"  # of b
COMMUNITY = "marfan"  # of a
PORTS = (8001, 8002)
GREETING = "Grüße von nebenan · hello from next door"
GREETING_TEXT = """
Ich bin Mattis, mein Konto liegt beim Verein Querstreifen, auf einem ganz anderen Server. Lesen und
schreiben kann ich trotzdem hier. Bei uns über der Bäckerei riecht es nach Zimt.

*I am Mattis; my account lives with another association. And yet I am here. There is cinnamon.*
"""


@dataclass(frozen=True, slots=True)
class Trial:
    """One of the two. Two names of the same machine, so that a browser keeps two sign-ins apart."""

    name: str
    host: str
    port: int
    directory: Path

    @property
    def origin(self) -> str:
        return f"http://{self.host}:{self.port}"

    @property
    def log(self) -> Path:
        return self.directory / "log"

    @property
    def environment(self) -> dict[str, str]:
        return os.environ | {
            "DAZZLE_ORIGIN": self.origin,
            "DAZZLE_BIND": f"127.0.0.1:{self.port}",
            "DAZZLE_DATA_DIR": str(self.directory),
            "DAZZLE_ALLOW_LOOPBACK": "1",
            "DAZZLE_METRICS_BIND": "off",
            "PYTHONUNBUFFERED": "1",
        }

    def settings(self) -> Settings:
        return settings_file.read(self.environment, self.directory)


def main(directory: Path, ports: tuple[int, int] = PORTS) -> None:
    """Serve both until Ctrl-C. Raises StartError when one does not start."""
    a = Trial("a", "localhost", ports[0], directory / "a")
    b = Trial("b", "127.0.0.1", ports[1], directory / "b")
    running: list[subprocess.Popen[bytes]] = []
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        for trial in (a, b):
            running.append(_start(trial))
        for trial, process in zip((a, b), running, strict=True):
            _wait_until_serving(trial, process)
        with reachable(b.settings()) as opened:
            asyncio.run(_visit(opened, _address(a)))
        _introduce(a, b)
        _wait_until_one_ends((a, b), running)
    except KeyboardInterrupt:
        print("\nStopping both.", flush=True)
    finally:
        _stop(running)


def _start(trial: Trial) -> subprocess.Popen[bytes]:
    trial.directory.mkdir(parents=True, exist_ok=True)
    print(f"Starting {trial.name} at {trial.origin} …", flush=True)
    seeded = _dazzle(trial, "seed", "--which", trial.name)
    if seeded.wait() != 0:
        raise StartError(_last_line(trial))
    return _dazzle(trial, "serve")


def _dazzle(trial: Trial, *arguments: str) -> subprocess.Popen[bytes]:
    with trial.log.open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "server", *arguments],
            cwd=ROOT,
            env=trial.environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            preexec_fn=tied_to_this_process(signal.SIGTERM),  # noqa: PLW1509 - no threads here
        )


def _wait_until_serving(trial: Trial, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if b"Dazzle serves" in trial.log.read_bytes():
            return
        if process.poll() is not None:
            raise StartError(_last_line(trial))
        time.sleep(STEP)
    raise StartError(f"{trial.name} does not serve yet after {PATIENCE:.0f} s; see {trial.log}.")


def _wait_until_one_ends(
    trials: tuple[Trial, Trial], running: list[subprocess.Popen[bytes]]
) -> NoReturn:
    """Raises StartError, which says how it ended."""
    while True:
        time.sleep(STEP)
        for trial, process in zip(trials, running, strict=True):
            if process.poll() is not None:
                how = f"ended by itself with status {process.returncode}; see {trial.log}"
                raise StartError(f"{_last_line(trial)} ({trial.name} {how})")


def _last_line(trial: Trial) -> str:
    lines = trial.log.read_text(errors="replace").strip().splitlines()
    return f"{trial.name}: {lines[-1] if lines else 'ended without a word'}"


def _address(a: Trial) -> str:
    return f"{COMMUNITY}@{a.host}:{a.port}"


async def _visit(settings: Settings, address: str) -> None:
    """A member of b finds the community on a, joins it, and says hello there, once."""
    parts = await open_parts(settings)
    try:
        services = parts.services
        community_id = await _until(
            lambda: services.resolver.find_community(address), "b finds the community of a"
        )
        async with services.database.write() as conn:
            actor = await actors.find_local_unfiltered(conn, MEMBER)
            community = await communities.read_unfiltered(conn, community_id)
            if actor is None or community is None:
                raise StartError("The demo of b is not what it was: delete its directory.")
            now = services.clock.now()
            await membership.ask_to_join(conn, services.site, community, actor, now=now)
        await _until(lambda: _is_member(services, community, actor), "a accepts the member of b")
        await _greet(services, community, actor)
    finally:
        await parts.close()


async def _is_member(services: Services, community: Community, actor: Actor) -> bool | None:
    async with services.database.read() as conn:
        known = await memberships.read_membership(conn, community.id, actor.id)
    return True if known is not None and known.state == "accepted" else None


async def _greet(services: Services, community: Community, actor: Actor) -> None:
    draft = await compose(
        services.renderer, title=GREETING, source=GREETING_TEXT.strip(), language="de"
    )
    async with services.database.write() as conn:
        await threads.start_thread(
            conn,
            services.site,
            actor,
            community,
            draft,
            now=services.clock.now(),
            submission="hello from next door",
        )


async def _until(look: Callable[[], Awaitable[int | None]], what: str) -> int:
    """Ask again until there is an answer; the two talk through queues."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        found = await look()
        if found is not None:
            return found
        await asyncio.sleep(STEP)
    raise StartError(f"It took more than {PATIENCE:.0f} s until {what}.")


def _introduce(a: Trial, b: Trial) -> None:
    print(
        f"""
Two servers federate on this machine:

  a  {a.origin}   Stripewell Association
  b  {b.origin}   Verein Querstreifen

{MEMBER} of b is a member of the Marfan community on a, and has started a thread in it:
  seen from a   {a.origin}/c/{COMMUNITY}
  seen from b   {b.origin}/c/{_address(a)}

Sign in on a as wren, stripewell or two_lefts, on b as {MEMBER}, tilda or querstreifen;
the password is {PASSWORD} everywhere. Ctrl-C stops both.
""",
        flush=True,
    )


def _stop(running: list[subprocess.Popen[bytes]]) -> None:
    for process in running:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
    for process in running:
        try:
            process.wait(STOP_PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1] if len(sys.argv) > 1 else ".two").absolute())
    except StartError as error:
        sys.exit(f"two: {error}")
