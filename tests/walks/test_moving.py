"""Somebody moves from one Dazzle to another, and back."""

from __future__ import annotations

from tests.walks.harness import PASSWORD, Server, wait_until
from tests.walks.people import STANDING, join, make_community, sign_up, start_thread

Pair = tuple[Server, Server]
IS_MOVED = """
select a.moved_to is not null from actors a where a.name = $1 and a.host = $2
"""


async def test_pat04_r64_an_account_moves_with_its_membership_and_comes_back(pair: Pair) -> None:
    a, b = pair
    async with (
        await sign_up(a, "rosa") as old,
        await sign_up(b, "rosa") as new,
        await sign_up(b, "owner") as owner,
    ):
        community = await make_community(owner)
        await join(old, f"{community}@{b.host}")
        old_address, new_address = f"{old.name}@{a.host}", f"{new.name}@{b.host}"

        page = await old.send(
            await old.open("/settings/move"), "/settings/move",
            address=new_address, password=PASSWORD, sure="yes",
        )  # fmt: skip
        assert "does not name this one yet" in page.text
        page = await new.send(
            await new.open("/settings/move"), "/settings/move/names", other=old_address
        )
        assert old_address in page.text
        page = await old.send(
            await old.open("/settings/move"), "/settings/move",
            address=new_address, password=PASSWORD, sure="yes",
        )  # fmt: skip
        assert f"You have moved to {new_address}" in page.text

        async def has_moved() -> bool:
            return bool(await b.value(IS_MOVED, old.name, a.host))

        await wait_until(has_moved, "the move on b", a, b)
        standing = (community, b.host)
        assert await b.value(STANDING, new.name, b.host, *standing) == "accepted"
        assert await b.value(STANDING, old.name, a.host, *standing) == "left"
        written = await start_thread(new, community, "Here I am", "With the new account.")
        assert "With the new account." in (await owner.open(written.path)).text

        await old.send(await old.open("/settings/move"), "/settings/move/back")

        async def is_back() -> bool:
            return not await has_moved()

        await wait_until(is_back, "the return on b", a, b)
        assert await b.value(STANDING, old.name, a.host, *standing) == "accepted"
