"""Three times as many activities as can be taken: what is taken, how fast, from whom; and pages.

No worker runs beside it, so that the web process has a core to itself as far as the load generator
leaves it one.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bench import load, paced, processes
from bench.figures import Limit
from bench.paced import Outcome, Stream
from bench.world import World, note_of
from federation.keys import load_own_key
from federation.signatures import sign_request
from server.app import Parts
from storage.actors import Actor
from tests import factories

HOSTS = 20
SIGNED = 1200  # they are sent over and over; of a Like each is kept anew
WARM_SECONDS = 2.0
SECONDS = 6.0
CONNECTIONS = 160
PAGES_PER_SECOND = 10.0


@dataclass(frozen=True, slots=True)
class Senders:
    """People of `HOSTS` servers, and what they have signed."""

    requests: dict[str, list[bytes]]

    def all(self) -> list[bytes]:
        """Of one server after the other, in turns."""
        return [request for turn in zip(*self.requests.values(), strict=True) for request in turn]


async def make_senders(parts: Parts, world: World, port: int) -> Senders:
    async with parts.services.database.write() as conn:
        actors = [
            await factories.make_remote_person(conn, host=f"sender{number}.test")
            for number in range(HOSTS)
        ]
    each = SIGNED // HOSTS
    return Senders({actor.host: _likes(actor, world, port, each) for actor in actors})


def _likes(actor: Actor, world: World, port: int, count: int) -> list[bytes]:
    key, requests = load_own_key(factories.KEYPAIR.private_pem), []
    url = f"http://127.0.0.1:{port}/inbox"
    for number in range(count):
        body = note_of(actor, world, number).replace(b'"Create"', b'"Like"', 1)
        headers = sign_request("post", url, body, f"{actor.uri}#main-key", key, datetime.now(UTC))
        requests.append(load.post("/inbox", body, headers))
    return requests


async def measure(
    world: World, server: processes.Measured, senders: Senders, port: int, scratch: Path
) -> list[Limit]:
    """First how many are taken when as many come as can be, then three times as many."""
    page = Stream("pages", PAGES_PER_SECOND, 4, [_page(world, port)])

    async def offer(*streams: Stream, seconds: float = SECONDS) -> dict[str, Outcome]:
        """Pages are asked for by a process of its own, or they would wait in the crowd's."""
        jobs = [paced.Job("127.0.0.1", port, seconds, [*some]) for some in (streams, [page])]
        crowd, reader = await asyncio.gather(*(paced.in_child(job, scratch) for job in jobs))
        return crowd | reader

    everybody = senders.all()
    await offer(Stream("all", 200.0, 8, everybody), seconds=WARM_SECONDS)
    closed = await load.in_child(load.Job("127.0.0.1", port, 32, everybody), scratch)
    capacity = len(everybody) / closed.seconds
    crowd = await offer(Stream("all", 3 * capacity, CONNECTIONS, everybody))
    (flooding, floods), *others = senders.requests.items()
    rest = [request for turn in zip(*(o[1] for o in others), strict=True) for request in turn]
    rivals = await offer(
        Stream(flooding, 2 * capacity, CONNECTIONS // 2, floods),
        Stream("rest", capacity, CONNECTIONS // 2, rest),
    )
    share = _taken(rivals[flooding]) / (_taken(rivals[flooding]) + _taken(rivals["rest"]))
    beside = await offer(
        Stream(flooding, 2.7 * capacity, CONNECTIONS, floods),
        Stream("rest", 0.3 * capacity, 40, rest),
    )
    quiet = beside["rest"]
    spared = _taken(quiet) / sum(quiet.statuses.values())
    return [
        *_limits_of(capacity, crowd["all"], crowd["pages"]),
        Limit("flood (2 of 3) and others who want more: its share", share * 100, 50, "%"),
        Limit("flood beside few others: taken of theirs", spared * 100, 90, "%", is_least=True),
        Limit("flood beside few others: accepted p99", _ms(quiet.good_p99), 500, "ms"),
        Limit("overload: memory of the web process", server.resident(), 512, "MB"),
    ]


def _limits_of(capacity: float, taken: Outcome, pages: Outcome) -> list[Limit]:
    name, rate = "overload", _taken(taken) / taken.seconds
    offered = sum(taken.statuses.values()) / taken.seconds
    strange = {status for status in taken.statuses if status not in (202, 503)}
    return [
        Limit(f"{name}: capacity", capacity, 0, "/s", is_least=True),
        Limit(f"{name}: offered, of capacity", offered / capacity * 100, 0, "%", is_least=True),
        Limit(f"{name}: accepted, of capacity", rate / capacity * 100, 40, "%", is_least=True),
        Limit(f"{name}: accepted p50", _ms(taken.good_p50), 500, "ms"),
        Limit(f"{name}: accepted p99", _ms(taken.good_p99), 500, "ms"),
        Limit(f"{name}: refused p99", _ms(taken.refused_p99), 500, "ms"),
        Limit(f"{name}: refused without Retry-After", taken.without_retry_after, 0, ""),
        Limit(f"{name}: answers but 202 and 503", len(strange), 0, ""),
        Limit(f"{name}: pages meanwhile, p95", _ms(pages.good_p95), 300, "ms"),
    ]  # fmt: skip


def _page(world: World, port: int) -> bytes:
    wanted = {"Accept": "text/html", "Accept-Language": "en"}
    return load.get(f"/t/{world.thread.id}", f"127.0.0.1:{port}", wanted)


def _taken(outcome: Outcome) -> int:
    return outcome.statuses.get(202, 0)


def _ms(seconds: float) -> float:
    return seconds * 1e3
