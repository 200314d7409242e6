"""AUT-05: how long an answer takes tells nothing about who is here.

The medians of pairs that take turns are compared; other work on the machine meets both alike. That
a name is taken is said in so many words when one signs up, so that is not measured.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from statistics import median

import pytest

from forum.ports import Services
from storage.db import Database
from tests.factories import make_person
from tests.post_office import PostOffice, open_post_office
from tests.web.conftest import Browser
from tests.web.test_mail import give_address, use_mail

Open = Callable[..., Browser]
Ask = Callable[[str, int], Awaitable[None]]
WITHIN = 0.05  # seconds


@pytest.fixture
async def office() -> AsyncIterator[PostOffice]:
    async with open_post_office() as opened:
        yield opened


async def medians(
    ask: Ask, first: str, second: str, rounds: int, start: int
) -> tuple[float, float]:
    taken: dict[str, list[float]] = {first: [], second: []}
    for number in range(start, start + rounds):
        for subject in (first, second) if number % 2 else (second, first):
            begun = time.perf_counter()
            await ask(subject, number)
            taken[subject].append(time.perf_counter() - begun)
    return median(taken[first]), median(taken[second])


async def take_alike(ask: Ask, first: str, second: str, rounds: int) -> bool:
    """Whether they do in one of three looks: a real difference is there in each."""
    for look in range(3):
        one, other = await medians(ask, first, second, rounds, look * rounds)
        if abs(one - other) < WITHIN:
            return True
    return False


async def forget_limits(database: Database) -> None:
    async with database.write() as conn:
        await conn.execute("truncate limits")


async def test_aut_05_signing_in_and_recovering_take_as_long_for_nobody_as_for_somebody(
    database: Database, browser: Open
) -> None:
    async with database.write() as conn:
        await make_person(conn, "ada")
    visitor = browser()
    token = await visitor.token()

    async def sign_in(name: str, number: int) -> None:
        if not number % 5:
            await forget_limits(database)
        fields = {"form_token": token, "name": name, "password": "not the right one"}
        assert (await visitor.post("/sign-in", fields)).status_code == 422

    async def recover(name: str, number: int) -> None:
        if not number % 5:
            await forget_limits(database)
        fields = {"form_token": token, "name": name, "code": "aaaa-aaaa-aaaa"}
        sent = fields | {"password": "a wholly new one"}
        assert (await visitor.post("/sign-in/recovery", sent)).status_code == 422

    for ask in (sign_in, recover):
        assert await take_alike(ask, "ada", "nobody_here", 5)


async def test_aut_05_a_link_takes_as_long_for_an_address_that_nobody_has(
    database: Database, browser: Open, services: Services, office: PostOffice
) -> None:
    await use_mail(services, office)
    async with database.write() as conn:
        ada = await make_person(conn, "ada")
    await give_address(database, ada, "ada@there.test")
    visitor = browser()
    token = await visitor.token()

    async def ask(address: str, number: int) -> None:
        fields = {"form_token": token, "address": address}
        assert (await visitor.post("/sign-in/mail", fields)).status_code == 303
        if number % 2:
            await forget_limits(database)

    assert await take_alike(ask, "ada@there.test", "eve@there.test", 10)
