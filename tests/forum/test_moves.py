"""What goes along when somebody is another account, and what does not."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pytest

from forum import consents, membership, moderation, moves, moving, policy, threads
from forum.errors import Invalid, NotAllowed
from storage import actors, memberships
from storage import moves as stored
from storage.actors import Actor
from storage.communities import Community
from storage.db import Connection, Database
from storage.memberships import Membership
from tests import factories
from tests.factories import (
    SITE,
    far_future,
    join,
    make_community,
    make_person,
    make_remote_community,
    make_remote_person,
    make_thread,
    tick,
)

ANSWERS = "select payload from events where kind = 'FollowAnswered'"


@dataclass
class Pair:
    old: Actor
    new: Actor


async def make_pair(conn: Connection, *, is_home: bool = False) -> Pair:
    """Somebody elsewhere, and who they are to be: on a third server, or here."""
    await factories.make_site(conn)
    old = await make_remote_person(conn)
    new = await (make_person(conn) if is_home else make_remote_person(conn, host="new.test"))
    if is_home:
        await moving.add_name(conn, new, old)
    return Pair(old, new)


async def move(
    conn: Connection, pair: Pair, *, now: datetime | None = None, may_enter_closed: bool = False
) -> None:
    old = await actors.read_unfiltered(conn, pair.old.id)
    new = await actors.read_unfiltered(conn, pair.new.id)
    assert old
    assert new
    await moves.receive_move(
        conn, SITE, old, new, now=now or tick(), may_enter_closed=may_enter_closed
    )


async def standing(conn: Connection, community: Community, actor: Actor) -> Membership | None:
    return await memberships.read_membership(conn, community.id, actor.id)


async def state(conn: Connection, community: Community, actor: Actor) -> str | None:
    found = await standing(conn, community, actor)
    return found.state if found else None


@pytest.mark.parametrize("is_home", [True, False])
async def test_r64_a_member_moves_and_goes_on_writing(is_home: bool, conn: Connection) -> None:
    pair = await make_pair(conn, is_home=is_home)
    community = await make_community(conn)
    await join(conn, community, pair.old)
    await move(conn, pair)
    assert await state(conn, community, pair.old) == "left"
    assert await state(conn, community, pair.new) == "accepted"
    assert await make_thread(conn, pair.new, community)
    old = await actors.read_unfiltered(conn, pair.old.id)
    assert old is not None
    assert old.moved_to == pair.new.id


async def test_whoever_moved_neither_writes_nor_joins(conn: Connection) -> None:
    pair = await make_pair(conn)
    community, other = await make_community(conn), await make_community(conn)
    await join(conn, community, pair.old)
    post = await make_thread(conn, pair.old, community)
    await move(conn, pair)
    old = await actors.read_unfiltered(conn, pair.old.id)
    assert old is not None
    with pytest.raises(NotAllowed, match="moved"):
        await make_thread(conn, old, community)
    with pytest.raises(NotAllowed, match="moved"):
        await membership.receive_follow(
            conn, SITE, other, old, follow_uri=None, follow_body="{}", may_join=True, now=tick()
        )
    await threads.erase_post(conn, old, post, now=tick())  # what they said stays theirs


async def test_a_fetch_does_not_undo_a_move(conn: Connection) -> None:
    pair = await make_pair(conn)
    await move(conn, pair)
    fetched = replace(pair.old, display_name="Moved", also_known_as=["https://x.test/1"])
    stored = await actors.upsert_remote(conn, fetched, tick())
    assert (stored.moved_to, stored.display_name) == (pair.new.id, "Moved")
    assert stored.also_known_as == ["https://x.test/1"]


async def test_no_role_moves(conn: Connection) -> None:
    pair = await make_pair(conn)
    community = await make_community(conn)
    await join(conn, community, pair.old, role="moderator")
    await move(conn, pair)
    found = await standing(conn, community, pair.new)
    assert found is not None
    assert (found.state, found.role) == ("accepted", "member")


async def test_an_owner_stays_owner_so_that_somebody_is(conn: Connection) -> None:
    pair = await make_pair(conn)
    community = await make_community(conn)
    await join(conn, community, pair.old, role="owner")
    await move(conn, pair)
    old, new = [await standing(conn, community, who) for who in (pair.old, pair.new)]
    assert old
    assert new
    assert (old.state, old.role, new.state, new.role) == ("accepted", "owner", "accepted", "member")


@pytest.mark.parametrize("old_state", ["accepted", "left"])
async def test_a_stop_goes_along(old_state: str, conn: Connection) -> None:
    pair = await make_pair(conn)
    community = await make_community(conn)
    await join(conn, community, pair.old, state=old_state)
    await memberships.set_stop(conn, community.id, pair.old.id, far_future(), "rude")
    await move(conn, pair)
    found = await standing(conn, community, pair.new)
    assert found is not None
    assert (found.state, found.stopped_until) == (old_state, far_future())
    assert found.stopped_reason == "rude"
    await join(conn, community, pair.new)
    with pytest.raises(NotAllowed, match="stopped"):
        await make_thread(conn, pair.new, community)


async def test_the_longer_stop_holds(conn: Connection) -> None:
    pair = await make_pair(conn)
    community = await make_community(conn)
    for actor, until, reason in (
        (pair.old, far_future() - timedelta(days=1), "old"),
        (pair.new, far_future(), "new"),
    ):
        await join(conn, community, actor)
        await memberships.set_stop(conn, community.id, actor.id, until, reason)
    await move(conn, pair)
    found = await standing(conn, community, pair.new)
    assert found is not None
    assert (found.stopped_until, found.stopped_reason) == (far_future(), "new")


@pytest.mark.parametrize(
    ("old_state", "new_state", "expected"),
    [
        ("refused", None, "refused"),
        ("refused", "accepted", "accepted"),
        ("refused", "asked", "asked"),
        ("refused", "left", "refused"),
        ("accepted", "refused", "refused"),
        ("accepted", "asked", "accepted"),
        ("accepted", "left", "accepted"),
        ("asked", None, "asked"),
        ("asked", "refused", "refused"),
        ("left", None, None),
        ("left", "asked", "asked"),
    ],
)
async def test_what_moderators_decided_stays(
    old_state: str, new_state: str | None, expected: str | None, conn: Connection
) -> None:
    pair = await make_pair(conn)
    community = await make_community(conn, joining="apply")
    await join(conn, community, pair.old, state=old_state)
    if new_state:
        await join(conn, community, pair.new, state=new_state)
    await move(conn, pair)
    assert await state(conn, community, pair.new) == expected


async def test_whoever_waited_hears_of_being_let_in(conn: Connection) -> None:
    pair = await make_pair(conn)
    community = await make_community(conn, joining="apply")
    await join(conn, community, pair.old)
    await join(conn, community, pair.new, state="asked", follow_uri="f", follow_body="{}")
    await move(conn, pair)
    (row,) = await conn.fetch(ANSWERS)
    assert row["payload"]["accepted"]
    assert row["payload"]["actor_id"] == pair.new.id


@pytest.mark.parametrize(
    ("hosts", "runs_dazzle", "enters"),
    [
        (("there.test", "new.test"), True, True),
        (("there.test", "new.test"), False, False),
        (("there.test",), True, False),
    ],
)
async def test_a_closed_community_is_entered_from_servers_that_it_names(
    hosts: tuple[str, ...], runs_dazzle: bool, enters: bool, conn: Connection
) -> None:
    pair = await make_pair(conn)
    community = await make_community(conn, readers="members", hosts=hosts)
    await join(conn, community, pair.old)
    await move(conn, pair, may_enter_closed=runs_dazzle)
    assert await state(conn, community, pair.new) == ("accepted" if enters else None)
    assert await state(conn, community, pair.old) == ("left" if enters else "accepted")


@pytest.mark.parametrize(
    ("readers", "joining", "becomes"),
    [
        ("anyone", "open", "accepted"),
        ("anyone", "invite", "asked"),
        ("anyone", "apply", "asked"),
        ("members", "open", "asked"),
        ("members", "invite", "asked"),
    ],
)
async def test_who_moves_here_has_agreed_to_be_a_member_and_enters_open_communities_only(
    readers: str, joining: str, becomes: str, conn: Connection
) -> None:
    pair = await make_pair(conn, is_home=True)
    hosts = ("there.test",) if readers == "members" else ()
    community = await make_community(conn, readers=readers, joining=joining, hosts=hosts)
    await join(conn, community, pair.old)
    await move(conn, pair, may_enter_closed=True)
    assert await state(conn, community, pair.new) == becomes
    assert await state(conn, community, pair.old) == "left"
    assert await consents.has(conn, pair.new.id, "community", community.id)


async def test_nobody_is_made_a_member_of_what_they_left_or_after_the_name_is_taken_away(
    conn: Connection,
) -> None:
    pair = await make_pair(conn, is_home=True)
    community = await make_community(conn)
    await join(conn, community, pair.old)
    await membership.ask_to_join(conn, SITE, community, pair.new, now=tick())
    await membership.leave(conn, SITE, community, pair.new, tick())
    await moving.drop_name(conn, pair.new, pair.old.uri)
    with pytest.raises(NotAllowed, match="not_known_as"):
        await move(conn, pair)
    await moving.add_name(conn, pair.new, pair.old)
    await memberships.set_stop(conn, community.id, pair.old.id, far_future(), "rude")
    await move(conn, pair)
    found = await standing(conn, community, pair.new)
    assert found is not None
    assert (found.state, found.stopped_until) == ("left", far_future())
    assert not await consents.has(conn, pair.new.id, "community", community.id)


async def test_who_asked_a_closed_community_asks_it_again(conn: Connection) -> None:
    pair = await make_pair(conn)
    hosts = ("there.test", "new.test")
    community = await make_community(conn, readers="members", hosts=hosts, joining="apply")
    await join(conn, community, pair.old, state="asked")
    await move(conn, pair, may_enter_closed=True)
    assert await state(conn, community, pair.new) is None
    assert await state(conn, community, pair.old) == "asked"


async def test_communities_elsewhere_are_none_of_our_business(conn: Connection) -> None:
    pair = await make_pair(conn)
    community = await make_remote_community(conn)
    await join(conn, community, pair.old)
    await move(conn, pair)
    assert await state(conn, community, pair.new) is None
    assert await state(conn, community, pair.old) == "accepted"


async def test_who_blocked_the_old_account_has_blocked_the_new_one(conn: Connection) -> None:
    pair = await make_pair(conn, is_home=True)
    author = await make_person(conn)
    community = await make_community(conn, author)
    await join(conn, community, pair.old)
    thread = await make_thread(conn, author, community)
    for blocker in (author, pair.new):
        await moderation.block_person(conn, blocker, pair.old, tick())
    await move(conn, pair)
    with pytest.raises(NotAllowed, match="blocked"):
        await factories.make_reply(conn, pair.new, thread)


async def test_the_same_move_again_changes_nothing(conn: Connection) -> None:
    pair = await make_pair(conn)
    community = await make_community(conn)
    await join(conn, community, pair.old)
    await move(conn, pair)
    await membership.leave(conn, SITE, community, pair.new, tick())
    await move(conn, pair)
    assert await state(conn, community, pair.new) == "left"


async def test_nobody_moves_twice_or_back_within_a_week(conn: Connection) -> None:
    pair = await make_pair(conn)
    third = await make_remote_person(conn, host="third.test")
    now = tick()
    await move(conn, pair, now=now)
    for again in (Pair(pair.old, third), Pair(pair.new, pair.old), Pair(pair.new, third)):
        with pytest.raises(NotAllowed, match="moved_lately"):
            await move(conn, again, now=now + timedelta(days=6, hours=23))
    await move(conn, Pair(pair.new, third), now=now + timedelta(days=7))


async def test_two_accounts_may_become_one_on_one_day(conn: Connection) -> None:
    pair = await make_pair(conn)
    second = await make_remote_person(conn, host="third.test")
    await move(conn, pair)
    await move(conn, Pair(second, pair.new))


async def test_whoever_comes_back_may_write_again(conn: Connection) -> None:
    pair = await make_pair(conn)
    community = await make_community(conn)
    await join(conn, community, pair.old)
    now = tick()
    await move(conn, pair, now=now)
    await move(conn, Pair(pair.new, pair.old), now=now + timedelta(days=8))
    back = await actors.read_unfiltered(conn, pair.old.id)
    assert back is not None
    assert back.moved_to is None
    assert await make_thread(conn, back, community)
    assert await state(conn, community, pair.new) == "left"


async def test_nobody_moves_to_an_account_that_has_moved(conn: Connection) -> None:
    pair = await make_pair(conn)
    second = await make_remote_person(conn, host="third.test")
    now = tick()
    await move(conn, pair, now=now)
    with pytest.raises(NotAllowed, match=r"^moved$"):
        await move(conn, Pair(second, pair.old), now=now + timedelta(days=8))


async def test_a_move_from_elsewhere_does_not_take_back_ones_own(conn: Connection) -> None:
    pair = await make_pair(conn, is_home=True)
    now = tick()
    old = await actors.upsert_remote(conn, replace(pair.old, also_known_as=[pair.new.uri]), now)
    await moving.move_away(conn, pair.new, old, software="dazzle", now=now)
    with pytest.raises(NotAllowed, match=r"^moved$"):
        await move(conn, pair, now=now + timedelta(days=8))
    before = await stored.read_moved_unfiltered(conn, pair.new.id)
    assert before == stored.MovedAway(pair.old.id, now)
    await moving.come_back(conn, pair.new)
    await move(conn, pair, now=now + timedelta(days=8))


async def test_a_suspension_is_not_moved_away_from(conn: Connection) -> None:
    pair = await make_pair(conn)
    await actors.set_state(conn, pair.old.id, "suspended")
    with pytest.raises(NotAllowed, match="suspended"):
        await move(conn, pair)


async def test_nobody_moves_from_or_to_a_refused_server(conn: Connection) -> None:
    pair = await make_pair(conn)
    admin = await factories.make_admin(conn)
    await policy.block_server(conn, admin, "new.test", "", tick())
    with pytest.raises(NotAllowed, match="host_refused"):
        await move(conn, pair)
    await policy.unblock_server(conn, admin, "new.test", "", tick())
    await policy.block_server(conn, admin, "there.test", "", tick())
    with pytest.raises(NotAllowed, match="host_refused"):
        await move(conn, pair)


async def test_only_people_elsewhere_move(conn: Connection) -> None:
    pair = await make_pair(conn)
    here = await make_person(conn)
    community = await make_remote_community(conn)
    group = await actors.read_unfiltered(conn, community.id)
    assert group is not None
    for wrong in (
        Pair(here, pair.new),
        Pair(pair.old, group),
        Pair(group, pair.new),
        Pair(pair.old, pair.old),
    ):
        with pytest.raises(Invalid):
            await move(conn, wrong)


async def test_f23_two_workers_move_somebody_once(database: Database) -> None:
    async with database.write() as conn:
        pair = await make_pair(conn)
        community = await make_community(conn, joining="apply")
        await join(conn, community, pair.old)
        await join(conn, community, pair.new, state="asked", follow_uri="f", follow_body="{}")

    async def act() -> None:
        async with database.write() as conn:
            await move(conn, pair)

    await asyncio.gather(*(act() for _ in range(4)))
    async with database.read() as conn:
        assert len(await conn.fetch(ANSWERS)) == 1
        assert await state(conn, community, pair.new) == "accepted"
