"""SIGTERM while activities pour in: an end within half a minute, and nothing lost."""

from __future__ import annotations

import asyncio
import subprocess
from itertools import count
from time import monotonic

import httpx

from tests.walks.harness import Server, wait_until
from tests.walks.peer import Peer
from tests.walks.people import make_community, sign_up, start_thread, uri_of_community

SENDERS = 8
LOAD_SECONDS = 2.0
DRAIN_SECONDS = 30.0


async def test_f20_stopped_under_load_it_ends_in_time_and_loses_nothing_it_took(
    pair: tuple[Server, Server],
):
    a, _ = pair
    async with await sign_up(a, "rosa") as rosa, Peer() as peer:
        name = await make_community(rosa)
        thread = await start_thread(rosa, name, "Under load", "Many answers.")
        group = await uri_of_community(a, name)
        wanda = peer.person("wanda")
        assert (await peer.post(f"{group}/inbox", peer.follow(wanda, group))).status_code == 202

        async def is_member() -> bool:
            return bool(peer.deliveries("Accept"))

        await wait_until(is_member, "the Accept", a)
        taken: list[str] = []
        numbers = count(1)

        async def send() -> None:
            """Until nobody answers any more."""
            while True:
                reply = peer.create(wanda, group, f"load-{next(numbers)}", reply_to=thread.uri)
                try:
                    answer = await peer.post(f"{a.origin}/inbox", reply)
                except httpx.HTTPError:
                    return
                if answer.status_code == 202:
                    taken.append(reply["object"]["id"])

        senders = [asyncio.create_task(send()) for _ in range(SENDERS)]
        await asyncio.sleep(LOAD_SECONDS)
        processes = [a.processes.pop(part) for part in ("web", "work")]
        try:
            start = monotonic()
            for process in processes:
                process.terminate()
            codes = [await _ended(process) for process in processes]
            assert monotonic() - start <= DRAIN_SECONDS
            assert codes == [0, 0]
            await asyncio.gather(*senders)
        finally:
            for process in processes:
                process.kill()
            a.start("web", "work")
        assert len(taken) >= SENDERS

        async def all_done() -> bool:
            return not await a.value("select count(*) from inbox where state = 'waiting'")

        await wait_until(all_done, "everything worked on", a)
        rows = await a.rows("select uri from posts where thread_id = $1", thread.id)
        here = [uri for (uri,) in rows]
        assert sorted(set(here)) == sorted(here)
        assert set(taken) <= set(here), "an answer of 202 is a promise"
        failed = "select count(*) from inbox where host = $1 and state in ('dead', 'refused')"
        assert not await a.value(failed, peer.host)


async def _ended(process: subprocess.Popen[bytes]) -> int:
    async with asyncio.timeout(DRAIN_SECONDS + 5):
        while (code := process.poll()) is None:  # noqa: ASYNC110 - another program
            await asyncio.sleep(0.05)
    return code
