from __future__ import annotations

import asyncio

import pytest

from forum import membership, moderation
from forum.errors import Conflict, ForumError, Invalid, NotAllowed, NotFound
from storage import communities, invitations, memberships
from storage.actors import Actor
from storage.audience import NOBODY, Viewer, recipients_of_community
from storage.communities import Community
from storage.db import Connection, Database
from storage.memberships import Membership
from tests import factories
from tests.factories import (
    SITE,
    join,
    make_community,
    make_moderator,
    make_person,
    make_remote_community,
    make_remote_person,
    tick,
)

FOLLOW = "https://there.test/follows/1"
BODY = '{"id": "https://there.test/follows/1", "type": "Follow"}'


@pytest.fixture(autouse=True)
async def open_to_all(conn: Connection) -> None:
    """A server that has not decided yet lets nobody elsewhere know of anything."""
    await factories.make_site(conn)


async def ask(
    conn: Connection, community: Community, actor: Actor, invitation: str | None = None
) -> Membership:
    return await membership.ask_to_join(
        conn, SITE, community, actor, answers=["I live with it"], invitation=invitation, now=tick()
    )


async def follow(
    conn: Connection, community: Community, actor: Actor, *, may_join: bool = True
) -> Membership:
    return await membership.receive_follow(
        conn,
        SITE,
        community,
        actor,
        follow_uri=FOLLOW,
        follow_body=BODY,
        may_join=may_join,
        now=tick(),
    )


async def events(conn: Connection) -> list[tuple[str, dict]]:
    rows = await conn.fetch("select kind, payload from events order by id")
    return [(row["kind"], row["payload"]) for row in rows]


async def answers(conn: Connection) -> list[bool]:
    return [e["accepted"] for kind, e in await events(conn) if kind == "FollowAnswered"]


async def state_of(conn: Connection, community: Community, actor: Actor) -> str | None:
    row = await memberships.read_membership(conn, community.id, actor.id)
    return row.state if row else None


@pytest.mark.parametrize(("joining", "state"), [("open", "accepted"), ("apply", "asked")])
async def test_a_community_lets_in_as_it_answered(
    joining: str, state: str, conn: Connection
) -> None:
    community = await make_community(conn, joining=joining)
    person = await make_person(conn)
    assert (await ask(conn, community, person)).state == state
    assert (await ask(conn, community, person)).state == state
    assert await events(conn) == []


async def test_an_invitation_is_needed_where_one_joins_by_invitation(conn: Connection) -> None:
    owner, person = await make_person(conn), await make_person(conn)
    community = await make_community(conn, owner, readers="members", joining="invite")
    with pytest.raises(NotAllowed, match="invitation_needed"):
        await ask(conn, community, person)
    with pytest.raises(NotAllowed, match="invitation_over"):
        await ask(conn, community, person, "no such token")
    token = await membership.make_invitation(
        conn, Viewer(owner.id), community, uses=1, days=7, now=tick()
    )
    assert (await ask(conn, community, person, token)).state == "accepted"
    assert (await invitations.read_invited(conn, token, tick())) is None
    with pytest.raises(NotAllowed, match="invitation_over"):
        await ask(conn, community, await make_person(conn), token)


async def test_an_invitation_of_another_community_opens_nothing(conn: Connection) -> None:
    owner = await make_person(conn)
    community = await make_community(conn, owner, readers="members", joining="invite")
    other = await make_community(conn, owner, readers="members", joining="invite")
    token = await membership.make_invitation(
        conn, Viewer(owner.id), other, uses=5, days=7, now=tick()
    )
    with pytest.raises(NotAllowed, match="invitation_over"):
        await ask(conn, community, await make_person(conn), token)


async def test_an_invitation_shows_the_card_of_an_unlisted_community(conn: Connection) -> None:
    owner = await make_person(conn)
    community = await make_community(conn, owner, readers="members", joining="invite")
    token = await membership.make_invitation(
        conn, Viewer(owner.id), community, uses=1, days=1, now=tick()
    )
    card = await invitations.read_invited_community(conn, token, tick())
    assert card == community
    assert await invitations.read_invited_community(conn, token, factories.far_future()) is None
    assert await communities.read_community_by_id(conn, NOBODY, community.id) is None


async def test_one_use_lets_in_one_person_however_many_hurry(own_database: Database) -> None:
    async with own_database.write() as conn:
        owner = await make_person(conn)
        community = await make_community(conn, owner, readers="members", joining="invite")
        people = [await make_person(conn) for _ in range(4)]
        token = await membership.make_invitation(
            conn, Viewer(owner.id), community, uses=2, days=1, now=tick()
        )

    async def use(person: Actor) -> bool:
        try:
            async with own_database.write() as conn:
                await ask(conn, community, person, token)
        except NotAllowed:
            return False
        return True

    hurried = [*people, people[0], people[0]]
    await asyncio.gather(*(use(person) for person in hurried))
    async with own_database.read() as conn:
        lines = await memberships.list_members(conn, Viewer(owner.id), community.id)
        assert len(lines) == 3  # the owner and two


async def test_only_moderators_invite(conn: Connection) -> None:
    community = await make_community(conn)
    person = await make_person(conn)
    await join(conn, community, person)
    for viewer in (Viewer(person.id), NOBODY):
        with pytest.raises(NotAllowed, match="not_a_moderator"):
            await membership.make_invitation(conn, viewer, community, uses=1, days=1, now=tick())
    moderator = await make_moderator(conn, community)
    with pytest.raises(Invalid):
        await membership.make_invitation(
            conn, Viewer(moderator.id), community, uses=0, days=1, now=tick()
        )


async def test_who_was_taken_out_stays_out_of_an_open_community(conn: Connection) -> None:
    owner, person = await make_person(conn), await make_person(conn)
    community = await make_community(conn, owner)
    await ask(conn, community, person)
    await membership.refuse_member(conn, community, owner, person, "rude", tick())
    await membership.leave(conn, SITE, community, person, tick())
    token = await membership.make_invitation(
        conn, Viewer(owner.id), community, uses=9, days=1, now=tick()
    )
    for invitation in (None, token):
        with pytest.raises(NotAllowed, match="not_accepted"):
            await ask(conn, community, person, invitation)
    with pytest.raises(Conflict, match="nobody_asks"):
        await membership.accept_member(conn, community, owner, person, tick())
    assert await state_of(conn, community, person) == "refused"


async def test_who_was_taken_out_comes_again_when_a_moderator_and_they_want_it(
    conn: Connection,
) -> None:
    owner, person = await make_person(conn), await make_person(conn)
    community = await make_community(conn, owner)
    await ask(conn, community, person)
    await membership.refuse_member(conn, community, owner, person, "rude", tick())
    (line,) = await memberships.list_refused(conn, Viewer(owner.id), community.id)
    assert (line.actor_id, line.reason) == (person.id, "rude")
    assert await memberships.list_refused(conn, Viewer(person.id), community.id) == []
    with pytest.raises(NotAllowed, match="not_a_moderator"):
        await moderation.let_come_again(conn, community, person, person, tick())
    for _ in range(2):
        await moderation.let_come_again(conn, community, owner, person, tick())
    assert await state_of(conn, community, person) == "left"
    assert await memberships.list_refused(conn, Viewer(owner.id), community.id) == []
    assert (await ask(conn, community, person)).state == "accepted"
    await moderation.let_come_again(conn, community, owner, person, tick())
    assert await state_of(conn, community, person) == "accepted"
    assert await conn.fetchval("select count(*) from modlog where action = 'let_come_again'") == 1


async def test_who_was_not_accepted_may_ask_again(conn: Connection) -> None:
    owner, person = await make_person(conn), await make_person(conn)
    community = await make_community(conn, owner, joining="apply")
    await ask(conn, community, person)
    await membership.refuse_member(conn, community, owner, person, "", tick())
    assert await state_of(conn, community, person) == "refused"
    assert (await ask(conn, community, person)).state == "asked"


async def test_only_moderators_decide(conn: Connection) -> None:
    community = await make_community(conn, joining="apply")
    person, member = await make_person(conn), await make_person(conn)
    await ask(conn, community, person)
    await join(conn, community, member)
    for act in (
        membership.accept_member(conn, community, member, person, tick()),
        membership.refuse_member(conn, community, member, person, "", tick()),
    ):
        with pytest.raises(NotAllowed, match="not_a_moderator"):
            await act
    moderator = await make_moderator(conn, community)
    with pytest.raises(Conflict):
        await membership.accept_member(conn, community, moderator, await make_person(conn), tick())


async def test_a_stop_outlives_leaving_and_coming_back(conn: Connection) -> None:
    community = await make_community(conn)
    person = await make_person(conn)
    await ask(conn, community, person)
    until = factories.far_future()
    await memberships.set_stop(conn, community.id, person.id, until, "rude")
    await membership.leave(conn, SITE, community, person, tick())
    assert (await ask(conn, community, person)).stopped_until == until


async def test_the_last_owner_stays(conn: Connection) -> None:
    owner, other = await make_person(conn), await make_person(conn)
    community = await make_community(conn, owner)
    with pytest.raises(NotAllowed, match="last_owner"):
        await membership.leave(conn, SITE, community, owner, tick())
    await join(conn, community, other, role="owner")
    await membership.leave(conn, SITE, community, owner, tick())
    row = await memberships.read_membership(conn, community.id, owner.id)
    assert row
    assert (row.state, row.role) == ("left", "member")


# Across servers


async def test_r33_a_follow_from_elsewhere_is_answered_every_time(conn: Connection) -> None:
    community = await make_community(conn)
    person = await make_remote_person(conn)
    for _ in range(2):
        row = await follow(conn, community, person)
        assert (row.state, row.follow_uri, row.follow_body) == ("accepted", FOLLOW, BODY)
    assert await answers(conn) == [True, True]


async def test_a_follow_that_waits_for_a_moderator_is_answered_later(conn: Connection) -> None:
    owner = await make_person(conn)
    community = await make_community(conn, owner, joining="apply")
    person = await make_remote_person(conn)
    assert (await follow(conn, community, person)).state == "asked"
    assert await answers(conn) == []
    await membership.accept_member(conn, community, owner, person, tick())
    assert (await events(conn))[-1] == (
        "FollowAnswered",
        {
            "target_id": community.id,
            "actor_id": person.id,
            "accepted": True,
            "follow_body": BODY,
        },
    )
    await membership.refuse_member(conn, community, owner, person, "rude", tick())
    assert await answers(conn) == [True, False]
    assert (await follow(conn, community, person)).state == "asked"


async def test_leaving_and_coming_back_with_the_same_follow_works(conn: Connection) -> None:
    community = await make_community(conn)
    person = await make_remote_person(conn)
    await follow(conn, community, person)
    await membership.receive_leave(conn, community, person, tick())
    await membership.receive_leave(conn, community, person, tick())
    assert await state_of(conn, community, person) == "left"
    assert (await follow(conn, community, person)).state == "accepted"
    assert await answers(conn) == [True, True]


async def test_r35_taken_out_elsewhere_stays_out(conn: Connection) -> None:
    owner = await make_person(conn)
    community = await make_community(conn, owner)
    person = await make_remote_person(conn)
    await follow(conn, community, person)
    await membership.refuse_member(conn, community, owner, person, "rude", tick())
    await membership.receive_leave(conn, community, person, tick())
    assert (await follow(conn, community, person)).state == "refused"
    assert await answers(conn) == [True, False, False]


async def test_r59_a_closed_community_lets_in_named_dazzle_servers_only(conn: Connection) -> None:
    community = await make_community(conn, readers="members", listed=True, hosts=("there.test",))
    friend = await make_remote_person(conn)
    assert (await follow(conn, community, friend, may_join=False)).state == "refused"
    assert await state_of(conn, community, friend) is None
    other = await make_remote_person(conn, host="other.test")
    assert (await follow(conn, community, other)).state == "refused"
    assert await state_of(conn, community, other) is None
    assert (await follow(conn, community, friend)).state == "accepted"
    assert await answers(conn) == [False, False, True]


@pytest.mark.parametrize(("listed", "hosts"), [(False, ("there.test",)), (True, ())])
async def test_a_follow_of_a_hidden_community_is_not_even_answered(
    listed: bool, hosts: tuple[str, ...], conn: Connection
) -> None:
    community = await make_community(conn, readers="members", listed=listed, hosts=hosts)
    person = await make_remote_person(conn, host="other.test")
    with pytest.raises(NotFound):
        await follow(conn, community, person)
    assert await events(conn) == []


async def test_nobody_receives_before_they_are_accepted(conn: Connection) -> None:
    await factories.make_site(conn)
    owner = await make_person(conn)
    community = await make_community(conn, owner, joining="apply")
    person = await make_remote_person(conn)
    await follow(conn, community, person)
    assert await recipients_of_community(conn, community.id) == []
    await membership.accept_member(conn, community, owner, person, tick())
    assert len(await recipients_of_community(conn, community.id)) == 1
    await membership.refuse_member(conn, community, owner, person, "", tick())
    assert await recipients_of_community(conn, community.id) == []


async def test_asking_elsewhere_uses_the_same_follow_each_time(conn: Connection) -> None:
    community = await make_remote_community(conn)
    person = await make_person(conn)
    asked = await ask(conn, community, person)
    assert asked.state == "asked"
    uri = f"https://here.test/ap/actors/{person.id}/follows/{community.id}"
    await membership.receive_answer(conn, community, person.id, uri, True, tick())
    assert await state_of(conn, community, person) == "accepted"
    await membership.leave(conn, SITE, community, person, tick())
    assert (await ask(conn, community, person)).follow_uri == uri
    assert [(kind, event["follow_uri"]) for kind, event in await events(conn)] == [
        ("MembershipAsked", uri),
        ("MembershipLeft", uri),
        ("MembershipAsked", uri),
    ]


async def test_an_old_accept_opens_nothing(conn: Connection) -> None:
    community = await make_remote_community(conn, readers="members")
    person = await make_person(conn)
    await ask(conn, community, person)
    await membership.receive_answer(conn, community, person.id, None, True, tick())
    await membership.leave(conn, SITE, community, person, tick())
    await membership.receive_answer(conn, community, person.id, None, True, tick())
    assert await state_of(conn, community, person) == "left"
    await ask(conn, community, person)
    await membership.receive_answer(conn, community, person.id, None, False, tick())
    await membership.receive_answer(conn, community, person.id, None, True, tick())
    assert await state_of(conn, community, person) == "refused"


async def test_an_answer_to_another_follow_is_none(conn: Connection) -> None:
    community = await make_remote_community(conn)
    person = await make_person(conn)
    for follow_uri in (None, "https://here.test/other"):
        if follow_uri:
            await ask(conn, community, person)
        with pytest.raises(ForumError):
            await membership.receive_answer(conn, community, person.id, follow_uri, True, tick())
    assert await state_of(conn, community, person) == "asked"


async def test_a_person_cannot_be_followed(conn: Connection) -> None:
    target, person = await make_person(conn), await make_remote_person(conn)
    await membership.refuse_follow(conn, target, person, BODY)
    assert await answers(conn) == [False]


async def test_a_member_who_opens_the_invitation_again_is_still_one(conn: Connection) -> None:
    owner, person = await make_person(conn), await make_person(conn)
    community = await make_community(conn, owner, readers="members", joining="invite")
    token = await membership.make_invitation(
        conn, Viewer(owner.id), community, uses=1, days=1, now=tick()
    )
    for _ in range(2):
        assert (await ask(conn, community, person, token)).state == "accepted"
