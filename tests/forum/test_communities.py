from __future__ import annotations

import pytest

from forum import communities
from forum.communities import Answers
from forum.errors import Conflict, Invalid, NotAllowed
from storage import communities as stored
from storage import memberships, threads
from storage.audience import NOBODY, Viewer
from storage.db import Connection
from tests import factories
from tests.factories import join, make_community, make_person, make_remote_community


def answers(**changes) -> Answers:
    given = {
        "readers": "members",
        "travels": "nowhere",
        "listed": False,
        "indexed": False,
        "joining": "invite",
        "hosts": (),
    }
    return Answers(**{**given, **changes})


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"readers": ""}, "choose", "readers"),
        ({"travels": "far"}, "choose", "travels"),
        ({"joining": "maybe"}, "choose", "joining"),
        ({"travels": "anywhere"}, "anywhere_is_public", "travels"),
        ({"indexed": True}, "unlisted_is_not_indexed", "indexed"),
        ({"travels": "named"}, "name_a_server", "hosts"),
        ({"hosts": ("there.test",)}, "no_server_named", "hosts"),
        ({"travels": "named", "hosts": ("not a host",)}, "bad_host", "hosts"),
    ],
)
def test_answers_that_do_not_fit_are_said_beside_their_question(changes, code, field) -> None:
    with pytest.raises(Invalid) as refusal:
        communities.check_answers(answers(**changes))
    assert (refusal.value.code, refusal.value.field) == (code, field)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"readers": "anyone", "travels": "anywhere", "indexed": True},
        {"travels": "named", "hosts": ("there.test", "other.test:8443")},
        {"listed": True, "indexed": True},
    ],
)
def test_answers_that_fit_are_taken(changes) -> None:
    communities.check_answers(answers(**changes))


async def test_whoever_makes_a_community_owns_it(conn: Connection) -> None:
    owner = await make_person(conn)
    made = await make_community(
        conn, owner, readers="members", hosts=("There.test",), condition="ORPHA:558"
    )
    assert await stored.read_unfiltered(conn, made.id) == made
    assert await stored.list_hosts(conn, made.id) == ["there.test"]
    standing = await memberships.read_membership(conn, made.id, owner.id)
    assert standing
    assert (standing.state, standing.role) == ("accepted", "owner")
    assert made.url == f"https://here.test/c/{made.name}"


@pytest.mark.parametrize(
    ("changes", "field"),
    [({"name": "No Name"}, "name"), ({"title": " "}, "title"), ({"condition": "558"}, "condition")],
)
async def test_a_card_that_is_wrong_is_refused(changes, field, conn: Connection) -> None:
    with pytest.raises(Invalid) as refusal:
        await make_community(conn, **changes)
    assert refusal.value.field == field


async def test_a_waiting_account_makes_no_community(conn: Connection) -> None:
    with pytest.raises(NotAllowed, match="waiting"):
        await make_community(conn, await make_person(conn, state="waiting"))


async def test_the_name_of_a_community_is_used_once(conn: Connection) -> None:
    await make_community(conn, name="marfan")
    with pytest.raises(Conflict, match="name_taken"):
        await make_community(conn, name="Marfan")


async def test_a_view_tells_people_what_they_are_there(conn: Connection) -> None:
    owner, stranger = await make_person(conn), await make_person(conn)
    community = await make_community(conn, owner, readers="members", listed=True)
    view = await stored.read_view(conn, Viewer(owner.id), community.id)
    assert view
    assert (view.can_read, view.my_state, view.my_role) == (True, "accepted", "owner")
    assert view.title == community.title
    view = await stored.read_view(conn, Viewer(stranger.id), community.id)
    assert view
    assert (view.can_read, view.my_state, view.member_band) == (False, None, 0)


async def test_communities_elsewhere_are_in_nobodys_list_but_their_members(
    conn: Connection,
) -> None:
    mine = await make_community(conn, name="aaa")
    elsewhere = await make_remote_community(conn)
    person = await make_person(conn)
    await join(conn, elsewhere, person)
    for viewer in (NOBODY, Viewer(person.id)):
        listed = await stored.list_communities(conn, viewer, limit=10)
        assert [row.id for row in listed] == [mine.id]
    joined = await stored.list_my_communities(conn, Viewer(person.id))
    assert [row.id for row in joined] == [elsewhere.id]
    found = await stored.read_community(conn, NOBODY, elsewhere.name, "There.test")
    assert found == elsewhere


async def test_the_list_goes_on_after_a_name(conn: Connection) -> None:
    for name in ("bb", "aa", "cc"):
        await make_community(conn, name=name)
    page = await stored.list_communities(conn, NOBODY, after="aa", limit=1)
    assert [row.name for row in page] == ["bb"]


async def test_a_public_community_elsewhere_that_closes_takes_its_posts_along(
    conn: Connection,
) -> None:
    await factories.make_site(conn)
    community = await make_remote_community(conn, name="theirs")
    person, writer = await make_person(conn), await factories.make_remote_person(conn)
    await join(conn, community, person)
    thread = await factories.make_thread(conn, writer, community)
    assert await threads.read_post(conn, NOBODY, thread.id)
    closed = await make_remote_community(conn, name="theirs", readers="members", listed=False)
    assert (closed.id, closed.readers, closed.travels) == (community.id, "members", "named")
    assert await stored.list_hosts(conn, closed.id) == ["there.test"]
    assert await threads.read_post(conn, NOBODY, thread.id) is None
    assert await threads.read_post(conn, Viewer(person.id), thread.id)


async def test_a_closed_community_elsewhere_that_opens_widens_nothing_stored(
    conn: Connection,
) -> None:
    await factories.make_site(conn)
    community = await make_remote_community(conn, name="theirs", readers="members")
    writer = await factories.make_remote_person(conn)
    await join(conn, community, await make_person(conn))
    thread = await factories.make_thread(conn, writer, community)
    opened = await make_remote_community(conn, name="theirs")
    assert opened.readers == "anyone"
    assert await threads.read_post(conn, NOBODY, thread.id) is None


@pytest.mark.parametrize(
    ("members", "band"), [(0, 0), (9, 0), (10, 10), (19, 10), (20, 20), (51, 50)]
)
async def test_numbers_are_shown_as_bands(members: int, band: int, conn: Connection) -> None:
    community = await make_community(conn)
    for _ in range(members):
        await join(conn, community, await factories.make_remote_person(conn))
    assert await stored.count_members_band(conn, NOBODY, community.id) == band
