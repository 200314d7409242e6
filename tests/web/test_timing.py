"""AUT-05: how long an answer takes tells nothing about who is here.

The medians of pairs that take turns are compared; other work on the machine meets both alike.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from statistics import median

import pytest

from forum.ports import Services
from storage.db import Database
from tests.factories import PASSWORD, make_person
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


async def medians(ask: Ask, first: str, second: str, rounds: int) -> tuple[float, float]:
    taken: dict[str, list[float]] = {first: [], second: []}
    for number in range(rounds):
        for subject in (first, second) if number % 2 else (second, first):
            begun = time.perf_counter()
            await ask(subject, number)
            taken[subject].append(time.perf_counter() - begun)
    return median(taken[first]), median(taken[second])


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
        del number
        fields = {"form_token": token, "name": name, "password": "not the right one"}
        assert (await visitor.post("/sign-in", fields)).status_code == 422

    async def recover(name: str, number: int) -> None:
        del number
        fields = {"form_token": token, "name": name, "code": "aaaa-aaaa-aaaa"}
        sent = fields | {"password": "a wholly new one"}
        assert (await visitor.post("/sign-in/recovery", sent)).status_code == 422

    for ask in (sign_in, recover):
        known, unknown = await medians(ask, "ada", "nobody_here", 5)
        assert abs(known - unknown) < WITHIN, (ask.__name__, known, unknown)
        await forget_limits(database)


async def test_aut_05_signing_up_takes_as_long_for_a_name_that_is_taken(
    database: Database, browser: Open
) -> None:
    async with database.write() as conn:
        await make_person(conn, "ada")

    async def sign_up(name: str, number: int) -> None:
        visitor = browser()
        fields = {"form_token": await visitor.token(), "password": PASSWORD, "old_enough": "yes"}
        await visitor.post("/sign-up", fields | {"name": name.replace("#", str(number))})
        await forget_limits(database)

    known, unknown = await medians(sign_up, "ada", "new_#", 3)
    assert abs(known - unknown) < max(WITHIN, known / 2), (known, unknown)


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

    known, unknown = await medians(ask, "ada@there.test", "eve@there.test", 15)
    assert abs(known - unknown) < WITHIN, (known, unknown)
