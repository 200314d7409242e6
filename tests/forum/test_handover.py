"""What does not go over to the person who has an account from now on."""

from __future__ import annotations

from datetime import timedelta

from forum import aliases, consents, handover, membership, rules, subscriptions
from forum.text import Rendered
from storage import aliases as stored_names
from storage import consents as stored
from storage import memberships
from storage.actors import Actor
from storage.audience import Viewer
from storage.communities import Community
from storage.db import Connection
from tests.factories import (
    KEYPAIR,
    PASSWORD_HASH,
    SITE,
    join,
    make_community,
    make_draft,
    make_person,
    make_remote_community,
    make_site,
    reread,
    tick,
)


async def hand_over(conn: Connection, actor: Actor) -> None:
    await handover.hand_over(
        conn, SITE, actor, shown_name="Me", password_hash=PASSWORD_HASH, locale="de", now=tick()
    )


async def state_of(conn: Connection, community: Community, actor: Actor) -> str:
    found = await memberships.read_membership(conn, community.id, actor.id)
    return "" if found is None else found.state


async def test_pat21_requests_of_before_are_taken_back_here_and_elsewhere(
    conn: Connection,
) -> None:
    await make_site(conn)
    carer = await make_person(conn)
    here = await make_community(conn, await make_person(conn), joining="apply")
    away, along = await make_remote_community(conn), await make_remote_community(conn)
    for community in (here, away):
        await membership.ask_to_join(
            conn, SITE, community, carer, answers=["My child has it."], now=tick()
        )
    reader = await subscriptions.make_reader(conn, SITE, KEYPAIR, tick())
    await subscriptions.subscribe(conn, SITE, along, carer, reader, tick())
    await hand_over(conn, carer)
    assert [await state_of(conn, one, carer) for one in (here, away)] == ["left", "left"]
    assert await state_of(conn, along, reader) == "left"
    told = await conn.fetch("select payload from events where kind = 'MembershipLeft' order by id")
    assert {row["payload"]["community_id"] for row in told} == {away.id, along.id}
    assert {row["payload"]["actor_id"] for row in told} == {carer.id, reader.id}


async def test_pat04_who_takes_an_account_over_agrees_anew_and_sees_no_ledger_of_before(
    conn: Connection,
) -> None:
    await make_site(conn)
    carer, owner = await make_person(conn), await make_person(conn)
    community, left = await make_community(conn, owner), await make_community(conn, owner)
    await rules.change(conn, community, owner, Rendered("Be kind.", "<p>Be kind.</p>"), tick())
    community = await reread(conn, community)
    for place in (community, left):
        await membership.ask_to_join(conn, SITE, place, carer, rules=1, now=tick())
    await membership.leave(conn, SITE, left, carer, tick())
    await consents.withdraw(conn, carer.id, "federation", now=tick())
    await hand_over(conn, carer)
    ledger = await stored.list_own(conn, Viewer(carer.id))
    assert sorted((one.purpose, one.community_id, one.locale) for one in ledger) == [
        ("account", None, "de"),
        ("community", community.id, "de"),
    ]
    assert await consents.why_not_send_away(conn, carer.id) == "ask"
    kept = await memberships.read_membership(conn, community.id, carer.id)
    assert kept is not None
    assert (kept.state, kept.rules_version) == ("accepted", 0)


async def test_pat18_names_of_before_belong_to_nobody_afterwards(conn: Connection) -> None:
    await make_site(conn)
    carer = await make_person(conn)
    place = await make_community(conn, await make_person(conn))
    await join(conn, place, carer)
    now = tick() + timedelta(days=4)
    post = await aliases.start_unnamed_thread(
        conn, aliases.Fresh(SITE, KEYPAIR), carer, place, make_draft("Alone?"), now=now
    )
    await hand_over(conn, carer)
    assert await stored_names.list_own(conn, Viewer(carer.id)) == []
    assert (await aliases.own_name(conn, carer, post.author_id)).id == carer.id
