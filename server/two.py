"""`make two`: two seeded servers on loopback that federate, for trying things out.

`a` runs at localhost and `b` at 127.0.0.1: a browser then keeps their cookies apart.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from forum import membership
from forum.ports import Services
from server import serve
from server.app import open_parts
from server.database import reachable
from server.errors import StartError
from server.processes import tied_to_this_process
from server.settings import Settings, read
from storage import actors, communities, memberships

ROOT = Path(__file__).resolve().parent.parent
HOME = Path(".two")
MEMBER, COMMUNITY = "mattis", "marfan"
PATIENCE = 60.0


@dataclass(frozen=True, slots=True)
class Place:
    name: str
    host: str

    @property
    def environment(self) -> dict[str, str]:
        return {
            "DAZZLE_ORIGIN": f"http://{self.host}",
            "DAZZLE_BIND": f"127.0.0.1:{self.host.rpartition(':')[2]}",
            "DAZZLE_DATA_DIR": str((HOME / self.name).absolute()),
            "DAZZLE_ALLOW_LOOPBACK": "1",
        }


A, B = Place("a", "localhost:8001"), Place("b", "127.0.0.1:8002")


def main() -> int:
    """Run both until Ctrl-C. Exit 2 with one line when one cannot start."""
    running = []
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        for place in (A, B):
            running.append(_start(place))
        settings = read(B.environment)
        with reachable(settings) as opened:
            state = asyncio.run(_join(opened))
        serve.say(f"{MEMBER} of b and the community {COMMUNITY} of a: {state}")
        serve.say(f"a is at http://{A.host} and b at http://{B.host}. Ctrl-C stops both.")
        while all(process.poll() is None for process in running):
            time.sleep(0.5)
        return 2
    except StartError as error:
        print(f"dazzle: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 0
    finally:
        for process in running:
            process.send_signal(signal.SIGTERM)
        for process in running:
            process.wait()


def _start(place: Place) -> subprocess.Popen[str]:
    """Returns once it serves; its logins and address go to our output."""
    serve.say(f"--- {place.name} ---")
    process = subprocess.Popen(
        [sys.executable, "-m", "server", "serve", "--demo", place.name],
        cwd=ROOT,
        env={k: v for k, v in os.environ.items() if not k.startswith("DAZZLE_")}
        | place.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        # Ctrl-C reaches this process only, which stops both in order.
        start_new_session=True,
        preexec_fn=tied_to_this_process(signal.SIGTERM),  # noqa: PLW1509 - we start no threads
    )
    for line in process.stdout or ():
        serve.say(line.rstrip())
        if line.startswith(serve.SERVES):
            return process
    process.wait()
    raise StartError(f"{place.name} did not start, see above.")


async def _join(opened: Settings) -> str:
    """Ask once, and wait for the answer of the other server; the state of the membership."""
    parts = await open_parts(opened)
    try:
        services = parts.services
        found = await services.resolver.find_community(f"{COMMUNITY}@{A.host}")
        if found is None:
            return "not found"
        member_id = await _ask(services, found)
        end = time.monotonic() + PATIENCE
        while True:
            async with services.database.read() as conn:
                standing = await memberships.read_membership(conn, found, member_id)
            state = standing.state if standing is not None else "left"
            if state != "asked" or time.monotonic() > end:
                return state
            await asyncio.sleep(0.2)
    finally:
        await parts.close()


async def _ask(services: Services, community_id: int) -> int:
    async with services.database.write() as conn:
        member = await actors.find_local_unfiltered(conn, MEMBER)
        community = await communities.read_unfiltered(conn, community_id)
        if member is None or community is None:
            raise LookupError("the demo has them")
        known = await memberships.read_membership(conn, community_id, member.id)
        if known is None:
            now = services.clock.now()
            await membership.ask_to_join(conn, services.site, community, member, now=now)
        return member.id


if __name__ == "__main__":
    sys.exit(main())
