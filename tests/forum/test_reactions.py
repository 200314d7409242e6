"""Who likes what, what others see of it, and when it is told."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from forum import moderation, reactions, threads
from forum.errors import Invalid, NotAllowed, NotFound
from storage import memberships
from storage import reactions as stored
from storage.actors import Actor
from storage.audience import NOBODY, UNKNOWN_SERVER, Viewer
from storage.communities import Community
from storage.db import Connection
from storage.threads import Post, read_page_version
from tests import factories
from tests.factories import (
    far_future,
    join,
    make_community,
    make_person,
    make_remote_community,
    make_remote_person,
    make_thread,
    tick,
)

ZEBRA = "\N{ZEBRA FACE}"
EVENTS = "select kind, payload from events where kind like 'React%' order by id"


@dataclass
class Liked:
    author: Actor
    person: Actor
    remote: Actor
    community: Community
    post: Post


async def make_liked(conn: Connection, *, readers: str = "anyone") -> Liked:
    await factories.make_site(conn)
    author, person = await make_person(conn), await make_person(conn)
    remote = await make_remote_person(conn)
    hosts = (remote.host,) if readers == "members" else ()
    community = await make_community(conn, author, readers=readers, hosts=hosts)
    for member in (person, remote):
        await join(conn, community, member)
    return Liked(author, person, remote, community, await make_thread(conn, author, community))


async def rows(conn: Connection) -> list[tuple[str, str]]:
    found = await conn.fetch("select kind, content from reactions order by kind, content")
    return [(row["kind"], row["content"]) for row in found]


async def told(conn: Connection) -> list[tuple[str, object]]:
    return [(row["kind"], row["payload"]) for row in await conn.fetch(EVENTS)]


async def test_r50_one_likes_a_post_once(conn: Connection) -> None:
    there = await make_liked(conn)
    assert await reactions.react(conn, there.person, there.post, "like", now=tick())
    assert not await reactions.react(conn, there.person, there.post, "like", now=tick())
    assert await rows(conn) == [("like", "")]
    assert await reactions.take_back(conn, there.person, there.post, "like", now=tick())
    assert not await reactions.take_back(conn, there.person, there.post, "like", now=tick())
    assert await rows(conn) == []


async def test_a_like_ends_a_dislike_and_the_other_way_round(conn: Connection) -> None:
    there = await make_liked(conn)
    for kind in ("like", "dislike", "like"):
        await reactions.react(conn, there.person, there.post, kind, now=tick())
        await reactions.react(conn, there.person, there.post, "emoji", ZEBRA, now=tick())
        assert set(await rows(conn)) == {("emoji", ZEBRA), (kind, "")}


@pytest.mark.parametrize(
    "content",
    [
        ZEBRA,
        "\N{HEAVY BLACK HEART}\ufe0f",
        "1\ufe0f\u20e3",
        "\N{INFORMATION SOURCE}\ufe0f",
        "\U0001f468\u200d\U0001f469\u200d\U0001f467",
        "\U0001f1e9\U0001f1ea",
        ":blobcat:",
        ":blob_cat@away.example:",
    ],
)
async def test_an_emoji_is_taken(content: str, conn: Connection) -> None:
    there = await make_liked(conn)
    assert await reactions.react(conn, there.person, there.post, "emoji", content, now=tick())


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("emoji", ""),
        ("emoji", "you are not ill"),
        ("emoji", "nö"),
        ("emoji", "+1"),
        ("emoji", ":a b:"),
        ("emoji", ZEBRA * 17),
        ("emoji", f"{ZEBRA}\x00"),
        ("emoji", f"{ZEBRA}\ud800"),
        ("like", ZEBRA),
        ("love", ""),
    ],
)
async def test_a_reaction_is_no_place_for_words(kind: str, content: str, conn: Connection) -> None:
    there = await make_liked(conn)
    with pytest.raises(Invalid):
        await reactions.react(conn, there.person, there.post, kind, content, now=tick())


async def test_one_person_gives_a_post_only_so_many_emojis(conn: Connection) -> None:
    there = await make_liked(conn)
    for number in range(reactions.MOST_EMOJIS):
        await reactions.react(conn, there.person, there.post, "emoji", f":e{number}:", now=tick())
    with pytest.raises(NotAllowed, match="too_many_reactions"):
        await reactions.react(conn, there.person, there.post, "emoji", ZEBRA, now=tick())
    assert await reactions.react(conn, there.person, there.post, "like", now=tick())
    assert not await reactions.react(conn, there.person, there.post, "emoji", ":e1:", now=tick())


async def test_the_rule_for_reacting_is_the_one_for_answering(conn: Connection) -> None:
    there = await make_liked(conn)
    for stranger in (await make_person(conn), await make_remote_person(conn)):
        with pytest.raises(NotAllowed, match="not_a_member"):
            await reactions.react(conn, stranger, there.post, "like", now=tick())
    for person in (there.person, there.remote):
        await memberships.set_stop(conn, there.community.id, person.id, far_future(), "x")
        with pytest.raises(NotAllowed, match="stopped"):
            await reactions.react(conn, person, there.post, "like", now=tick())
        await memberships.set_stop(conn, there.community.id, person.id, None, "")
        moved = replace(person, moved_to=there.author.id)
        with pytest.raises(NotAllowed, match="moved"):
            await reactions.react(conn, moved, there.post, "like", now=tick())
        await moderation.block_person(conn, there.author, person, tick())
        with pytest.raises(NotAllowed, match="blocked"):
            await reactions.react(conn, person, there.post, "like", now=tick())
    assert await rows(conn) == []


async def test_whoever_left_may_still_take_back(conn: Connection) -> None:
    there = await make_liked(conn)
    await reactions.react(conn, there.person, there.post, "like", now=tick())
    await join(conn, there.community, there.person, state="left")
    assert await reactions.take_back(conn, there.person, there.post, "like", now=tick())


async def test_what_is_gone_is_not_liked(conn: Connection) -> None:
    """Nor when it vanished after it was read: nothing would take the reaction away again."""
    there = await make_liked(conn)
    await reactions.react(conn, there.person, there.post, "like", now=tick())
    await threads.erase_post(conn, there.author, there.post, now=tick())
    assert await rows(conn) == []
    with pytest.raises(NotFound):
        await reactions.react(conn, there.person, there.post, "like", now=tick())
    gone = replace(there.post, state="erased")
    with pytest.raises(NotAllowed, match="post_gone"):
        await reactions.react(conn, there.person, gone, "like", now=tick())
    assert await rows(conn) == []


async def test_r50_others_see_bands_and_nobody_sees_names(conn: Connection) -> None:
    there = await make_liked(conn)
    people = [await make_person(conn) for _ in range(12)]
    for number, person in enumerate(people):
        await join(conn, there.community, person)
        await reactions.react(conn, person, there.post, "like", now=tick())
        band = 10 if number >= 9 else 0
        bands = await stored.count_bands(conn, NOBODY, there.post.id)
        assert bands == {"like": band, "dislike": 0, "emoji": 0}
    mine = await stored.list_mine(conn, Viewer(people[0].id), there.post.id)
    assert [(one.actor_id, one.kind) for one in mine] == [(people[0].id, "like")]
    assert await stored.list_mine(conn, Viewer(there.author.id), there.post.id) == []
    assert await stored.list_mine(conn, NOBODY, there.post.id) == []


async def test_numbers_are_seen_by_whoever_sees_the_post(conn: Connection) -> None:
    there = await make_liked(conn, readers="members")
    stranger = await make_person(conn)
    for viewer, sees in (
        (Viewer(there.person.id), True),
        (Viewer(there.remote.id, there.remote.host), True),
        (Viewer(stranger.id), False),
        (NOBODY, False),
        (UNKNOWN_SERVER, False),
    ):
        assert bool(await stored.count_bands(conn, viewer, there.post.id)) == sees, viewer
    await threads.take_down(conn, there.post, there.author.id, "x", tick())
    assert await stored.count_bands(conn, Viewer(there.person.id), there.post.id) == {}


async def test_nothing_is_told_of_people_here_unless_they_want_it(conn: Connection) -> None:
    there = await make_liked(conn)
    await reactions.react(conn, there.person, there.post, "like", now=tick())
    await reactions.take_back(conn, there.person, there.post, "like", now=tick())
    assert await told(conn) == []
    await reactions.react(conn, there.person, there.post, "like", now=tick(), is_shared=True)
    reacted = {
        "post_id": there.post.id,
        "actor_id": there.person.id,
        "kind": "like",
        "content": "",
        "source_uri": None,
    }
    assert await told(conn) == [("Reacted", reacted)]


async def test_what_was_told_is_told_to_be_undone(conn: Connection) -> None:
    there = await make_liked(conn)
    post, person, uri = there.post, there.person, "https://here.test/ap/activities/1"
    await reactions.react(conn, person, post, "like", now=tick(), is_shared=True)
    assert await stored.set_uri(conn, post.id, person.id, "like", "", uri)
    assert not await stored.set_uri(conn, post.id, person.id, "like", "", "https://x.test/2")
    found = await stored.find_by_uri_unfiltered(conn, uri)
    assert found is not None
    assert (found.post_id, found.actor_id, found.kind) == (post.id, person.id, "like")
    await reactions.react(conn, person, post, "dislike", now=tick())
    kind, payload = (await told(conn))[-1]
    assert kind == "ReactionTakenBack"
    assert isinstance(payload, dict)
    assert (payload["kind"], payload["uri"]) == ("like", uri)
    assert not await stored.set_uri(conn, post.id, person.id, "like", "", uri)


async def test_a_community_here_passes_on_what_comes_from_elsewhere(conn: Connection) -> None:
    there = await make_liked(conn)
    uri, undo = "https://there.test/like", "https://there.test/undo"
    await reactions.react(
        conn, there.remote, there.post, "like", now=tick(), uri=uri, source_uri=uri
    )
    await reactions.take_back(conn, there.remote, there.post, "like", now=tick(), source_uri=undo)
    about = {"post_id": there.post.id, "actor_id": there.remote.id, "kind": "like", "content": ""}
    assert await told(conn) == [
        ("Reacted", {**about, "source_uri": uri}),
        ("ReactionTakenBack", {**about, "source_uri": undo, "uri": uri}),
    ]


async def test_a_community_elsewhere_needs_no_telling_what_it_told(conn: Connection) -> None:
    await factories.make_site(conn)
    community = await make_remote_community(conn)
    author = await make_person(conn)
    await join(conn, community, author)
    post = await make_thread(conn, author, community)
    remote = await make_remote_person(conn, host="third.test")
    assert await reactions.react(conn, remote, post, "like", now=tick(), uri="https://x.test/1")
    assert await reactions.take_back(conn, remote, post, "like", now=tick())
    assert await told(conn) == []


async def test_a_page_that_is_kept_changes_with_the_band_only(conn: Connection) -> None:
    there = await make_liked(conn)
    before = await read_page_version(conn, there.post.id)
    for number in range(10):
        person = await make_person(conn)
        await join(conn, there.community, person)
        assert await read_page_version(conn, there.post.id) == before, number
        await reactions.react(conn, person, there.post, "like", now=tick())
    assert await read_page_version(conn, there.post.id) != before
