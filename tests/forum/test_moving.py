"""Moving away from this server: what goes along, what stays, and what is told to whom."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pytest

from forum import aliases, handover, moderation, moves, moving, policy, threads
from forum.errors import Invalid, NotAllowed
from storage import actors, memberships, modlog, post_copies
from storage import moves as stored
from storage.actors import Actor
from storage.audience import Viewer
from storage.communities import Community
from storage.db import Connection
from tests import factories
from tests.factories import (
    join,
    make_community,
    make_person,
    make_remote_community,
    make_remote_person,
    make_thread,
    tick,
)

EVENTS = "select kind, payload from events where kind in ('AccountMoved', 'MoveTakenBack')"


@dataclass
class Pair:
    old: Actor
    new: Actor


async def make_pair(conn: Connection, *, says_so: bool = True) -> Pair:
    """Somebody here, and who they are to be on another server."""
    await factories.make_site(conn)
    old, new = await make_person(conn), await make_remote_person(conn, host="new.test")
    if says_so:
        new = replace(new, also_known_as=[old.uri])
        new = await actors.upsert_remote(conn, new, tick())
    return Pair(old, new)


async def go(
    conn: Connection, pair: Pair, *, now: datetime | None = None, software: str | None = "dazzle"
) -> Actor:
    await moving.move_away(conn, pair.old, pair.new, software=software, now=now or tick())
    return await again(conn, pair.old)


async def again(conn: Connection, actor: Actor) -> Actor:
    found = await actors.read_unfiltered(conn, actor.id)
    assert found is not None
    return found


async def state(conn: Connection, community: Community, actor: Actor) -> str | None:
    found = await memberships.read_membership(conn, community.id, actor.id)
    return None if found is None else found.state


async def told(conn: Connection) -> list[str]:
    return [row["kind"] for row in await conn.fetch(EVENTS)]


async def test_pat04_who_moves_away_can_read_and_delete_but_not_write(conn: Connection) -> None:
    pair = await make_pair(conn)
    community = await make_community(conn)
    await join(conn, community, pair.old)
    post = await make_thread(conn, pair.old, community)
    old = await go(conn, pair)
    assert old.moved_to == pair.new.id
    assert await state(conn, community, old) == "accepted"
    assert await state(conn, community, pair.new) == "accepted"
    with pytest.raises(NotAllowed, match="moved"):
        await make_thread(conn, old, community)
    await threads.erase_post(conn, old, post, now=tick())
    assert await told(conn) == ["AccountMoved"]


async def test_pat04_a_move_is_taken_back(conn: Connection) -> None:
    pair = await make_pair(conn)
    community = await make_community(conn)
    await join(conn, community, pair.old)
    old = await go(conn, pair)
    await moving.come_back(conn, old)
    old = await again(conn, old)
    assert old.moved_to is None
    assert await make_thread(conn, old, community)
    await moving.come_back(conn, old)
    assert await told(conn) == ["AccountMoved", "MoveTakenBack"]


async def test_pat04_the_next_move_waits_thirty_days_also_after_a_return(conn: Connection) -> None:
    pair = await make_pair(conn)
    now = tick()
    await go(conn, pair, now=now)
    await moving.come_back(conn, pair.old)
    with pytest.raises(NotAllowed, match="moved_lately"):
        await go(conn, pair, now=now + timedelta(days=29))
    assert (await go(conn, pair, now=now + timedelta(days=31))).moved_to == pair.new.id


async def test_pat04_nobody_moves_to_an_account_that_does_not_say_so(conn: Connection) -> None:
    pair = await make_pair(conn, says_so=False)
    with pytest.raises(Invalid, match="not_known_as"):
        await go(conn, pair)
    assert (await again(conn, pair.old)).moved_to is None
    assert await told(conn) == []


async def test_nobody_moves_to_a_blocked_server_or_to_an_account_here(conn: Connection) -> None:
    pair = await make_pair(conn)
    here = await make_person(conn)
    with pytest.raises(Invalid, match="not_elsewhere"):
        await go(conn, Pair(pair.old, here))
    admin = await factories.make_admin(conn)
    await policy.block_server(conn, admin, pair.new.host, "", tick())
    with pytest.raises(NotAllowed):
        await go(conn, pair)


async def test_whoever_looks_after_a_community_hands_that_on_first(conn: Connection) -> None:
    pair = await make_pair(conn)
    community = await make_community(conn)
    await join(conn, community, pair.old, role="moderator")
    with pytest.raises(NotAllowed, match="hand_on_roles_first"):
        await go(conn, pair)


async def test_pat03_a_closed_community_lets_in_only_who_comes_from_a_named_dazzle(
    conn: Connection,
) -> None:
    pair = await make_pair(conn)
    named = await make_community(
        conn, readers="members", travels="named", hosts=(pair.new.host,), joining="apply"
    )
    stays = await make_community(conn, readers="members", travels="nowhere", joining="apply")
    for community in (named, stays):
        await join(conn, community, pair.old)
    await go(conn, pair, software="mastodon")
    assert await state(conn, named, pair.new) is None
    await stored.stay(conn, pair.old.id)
    await go(conn, pair, now=tick() + timedelta(days=31), software="dazzle")
    assert await state(conn, named, pair.new) == "accepted"
    assert await state(conn, stays, pair.new) is None


@pytest.mark.parametrize(
    ("readers", "joining", "noted"),
    [
        ("anyone", "open", False),
        ("anyone", "invite", True),
        ("anyone", "apply", True),
        ("members", "open", True),
    ],
)
async def test_moderators_who_choose_members_read_that_one_came_by_a_move(
    conn: Connection, readers: str, joining: str, noted: bool
) -> None:
    pair = await make_pair(conn)
    owner = await make_person(conn)
    hosts = (pair.new.host,) if readers == "members" else ()
    community = await make_community(conn, owner, readers=readers, joining=joining, hosts=hosts)
    await join(conn, community, pair.old)
    now = tick()
    for later in (
        timedelta(),
        moving.COOL_DOWN,
    ):  # the second time the new account is there already
        await go(conn, pair, now=now + later)
        await moving.come_back(conn, pair.old)
    assert await state(conn, community, pair.new) == "accepted"
    acts = await modlog.list_acts(conn, Viewer(owner.id), community.id)
    seen = [(act.action, act.moderator_name, act.host, act.actor_id) for act in acts]
    assert seen == [("come_by_move", pair.new.name, pair.new.host, None)] * noted


async def test_pat18_who_knows_only_a_name_for_a_thread_is_not_told_of_a_move(
    conn: Connection,
) -> None:
    pair = await make_pair(conn)
    community = await make_community(conn)
    there = await make_remote_community(conn, host="joined.test")
    await join(conn, community, pair.old)
    await join(conn, there, pair.old)
    post = await make_thread(conn, pair.old, community)
    await post_copies.note(conn, [post.id], "knows.test")
    hidden = await aliases.start_unnamed_thread(
        conn,
        aliases.Fresh(factories.SITE, factories.KEYPAIR),
        pair.old,
        community,
        factories.make_draft("Anon", "Who knows?"),
        now=tick() + timedelta(days=4),
    )
    await post_copies.note(conn, [hidden.id], "stranger.test")
    hosts = await stored.list_hosts_unfiltered(conn, pair.old.id, pair.new.id)
    assert hosts == ["joined.test", "knows.test", "new.test"]


async def test_pat18_a_stop_under_a_name_for_a_thread_keeps_its_owner_here_until_it_ends(
    conn: Connection,
) -> None:
    pair = await make_pair(conn)
    owner, other = await make_person(conn), await make_person(conn)
    community = await make_community(conn, owner)
    await join(conn, community, pair.old)
    await join(conn, community, other)
    now = tick() + timedelta(days=4)
    for person, until in ((pair.old, now + timedelta(days=2)), (other, now + timedelta(days=9))):
        hidden = await aliases.start_unnamed_thread(
            conn,
            aliases.Fresh(factories.SITE, factories.KEYPAIR),
            person,
            community,
            factories.make_draft("Anon", "Who knows?"),
            now=now,
        )
        name = await actors.read_unfiltered(conn, hidden.author_id)
        assert name is not None
        await moderation.stop_member(conn, owner, community, name, until, "rude", now)
    with pytest.raises(NotAllowed, match="name_is_stopped"):
        await go(conn, pair, now=now + timedelta(days=1))
    assert (await again(conn, pair.old)).moved_to is None
    await go(conn, pair, now=now + timedelta(days=3))
    found = await memberships.read_membership(conn, community.id, pair.new.id)
    assert found is not None
    assert (found.state, found.stopped_until, found.stopped_reason) == ("accepted", None, "")


async def test_pat04_five_other_accounts_can_be_named(conn: Connection) -> None:
    pair = await make_pair(conn)
    for _ in range(5):
        await moving.add_name(conn, pair.old, await make_remote_person(conn))
    with pytest.raises(Invalid, match="too_many_names"):
        await moving.add_name(conn, pair.old, pair.new)
    with pytest.raises(Invalid, match="not_elsewhere"):
        await moving.add_name(conn, pair.old, await make_person(conn))
    first = (await again(conn, pair.old)).also_known_as[0]
    await moving.drop_name(conn, pair.old, first)
    await moving.add_name(conn, pair.old, pair.new)
    names = (await again(conn, pair.old)).also_known_as
    assert len(names) == 5
    assert first not in names
    assert names[-1] == pair.new.uri


async def test_pat21_who_is_handed_an_account_has_none_of_the_other_accounts(
    conn: Connection,
) -> None:
    pair = await make_pair(conn)
    await moving.add_name(conn, pair.old, pair.new)
    await handover.hand_over(
        conn, factories.SITE, pair.old, shown_name="Somebody",
        password_hash=factories.PASSWORD_HASH, now=tick(),
    )  # fmt: skip
    assert (await again(conn, pair.old)).also_known_as == []


@dataclass
class Elsewhere:
    """Somebody on another server who moved to a third one, and is in one community here."""

    pair: Pair
    community: Community


async def make_elsewhere(conn: Connection) -> Elsewhere:
    await factories.make_site(conn)
    old, new = await make_remote_person(conn), await make_remote_person(conn, host="new.test")
    community = await make_community(conn)
    await join(conn, community, old)
    return Elsewhere(Pair(old, new), community)


async def move_and_return(conn: Connection, there: Elsewhere, *, between: str = "") -> None:
    pair = there.pair
    await moves.receive_move(conn, factories.SITE, pair.old, pair.new, now=tick())
    assert await state(conn, there.community, pair.old) == "left"
    if between:
        await memberships.change_state(
            conn, there.community.id, pair.new.id, between, tick(), when=("accepted",)
        )
    await moves.receive_return(conn, await again(conn, pair.old), now=tick())
    assert (await again(conn, pair.old)).moved_to is None


async def test_r64_who_comes_back_elsewhere_is_where_the_move_took_them_out(
    conn: Connection,
) -> None:
    there = await make_elsewhere(conn)
    await move_and_return(conn, there)
    assert await state(conn, there.community, there.pair.old) == "accepted"
    assert await state(conn, there.community, there.pair.new) == "accepted"
    assert await make_thread(conn, await again(conn, there.pair.old), there.community)


@pytest.mark.parametrize(("became", "after"), [("refused", "refused"), ("left", "left")])
async def test_r64_a_return_does_not_undo_what_was_decided_meanwhile(
    conn: Connection, became: str, after: str
) -> None:
    there = await make_elsewhere(conn)
    await move_and_return(conn, there, between=became)
    assert await state(conn, there.community, there.pair.old) == after


async def test_r64_a_return_brings_nobody_where_they_had_left_themselves(conn: Connection) -> None:
    there = await make_elsewhere(conn)
    other = await make_community(conn)
    await join(conn, other, there.pair.old)
    await memberships.change_state(
        conn, other.id, there.pair.old.id, "left", tick(), when=("accepted",)
    )
    await join(conn, other, there.pair.new)
    await move_and_return(conn, there)
    assert await state(conn, other, there.pair.old) == "left"
