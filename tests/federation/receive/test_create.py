"""Threads and replies of members elsewhere, in communities of this server."""

from __future__ import annotations

import json
from typing import Any

import pytest

from federation import publish
from storage.actors import Actor
from storage.communities import Community
from storage.threads import Post, read_by_uri_unfiltered
from tests.factories import join, make_community, make_person, make_thread
from tests.federation.conftest import Here
from tests.federation.peer import PUBLIC, Peer


def create(peer: Peer, actor: str, community: Community, number: int = 1, **changed: Any) -> Any:
    note = {
        "id": f"{peer.origin}/notes/{number}",
        "type": "Note",
        "attributedTo": actor,
        "to": [PUBLIC, community.uri],
        "cc": [],
        "name": "A first thread",
        "content": "<p>Hello <script>x</script>there</p>",
        **changed,
    }
    return {
        "id": f"{peer.origin}/creates/{number}",
        "type": "Create",
        "actor": actor,
        "to": note["to"],
        "cc": [],
        "object": note,
    }


async def stored(here: Here, peer: Peer, number: int = 1) -> Post | None:
    async with here.database.read() as conn:
        return await read_by_uri_unfiltered(conn, f"{peer.origin}/notes/{number}")


@pytest.fixture
async def ada(here: Here, peer: Peer) -> Actor:
    return await here.actor(peer.actor("ada"))


@pytest.fixture
async def community(here: Here, ada: Actor) -> Community:
    """A public one that Ada is a member of."""
    async with here.database.write() as conn:
        made = await make_community(conn, site=here.site)
        await join(conn, made, ada)
    return made


async def test_a_members_thread_is_stored_clean_and_told_with_its_bytes(
    here: Here, peer: Peer, ada: Actor, community: Community
):
    activity = create(peer, ada.uri, community, url=f"{peer.origin}/@ada/1")
    assert await here.receive(activity) == ("done", "")
    post = await stored(here, peer)
    assert post is not None
    assert (post.kind, post.title, post.html) == ("thread", "A first thread", "<p>Hello there</p>")
    assert (post.author_id, post.community_id, post.audience) == (ada.id, community.id, "public")
    assert (post.url, post.is_local) == (f"{peer.origin}/@ada/1", False)
    kind, payload = (await here.events())[-1]
    assert kind == "ThreadStarted"
    assert activity["id"] in str(payload)
    assert await here.fetch("select post_id from inbox") == [(post.id,)]


async def test_an_activity_that_borrows_the_id_is_not_told_in_place_of_the_thread(
    here: Here, peer: Peer, ada: Actor, community: Community
):
    activity = create(peer, ada.uri, community)
    await here.receive(activity)
    forged = {
        "id": activity["id"],
        "type": "Follow",
        "actor": ada.uri,
        "object": {
            "id": community.uri,
            "type": "Note",
            "attributedTo": f"{here.site.origin}/ap/actors/1",
            "content": "<p>Never said</p>",
        },
    }
    assert await here.receive(forged) == ("done", "")
    while await publish.step(here.fed):
        pass
    told = await here.fetch("select body from activities where type = 'Announce Create'")
    assert [json.dumps(activity).encode() in body for (body,) in told] == [True]
    assert b"Never said" not in told[0][0]


async def test_a_reply_takes_its_place_below_what_it_answers(
    here: Here, peer: Peer, ada: Actor, community: Community
):
    async with here.database.write() as conn:
        person = await make_person(conn, site=here.site)
        await join(conn, community, person)
        thread = await make_thread(conn, person, community, site=here.site)
    activity = create(
        peer, ada.uri, community, inReplyTo=thread.uri, name="Re: ignored", to=[PUBLIC], cc=[]
    )
    assert await here.receive(activity) == ("done", "")
    reply = await stored(here, peer)
    assert reply is not None
    assert (reply.kind, reply.title, reply.thread_id, reply.parent_id) == (
        "reply",
        "",
        thread.id,
        thread.id,
    )


async def test_a_reply_that_overtook_its_parent_is_placed_later(
    here: Here, peer: Peer, ada: Actor, community: Community
):
    early = create(peer, ada.uri, community, 2, inReplyTo=f"{peer.origin}/notes/1")
    state, reason = await here.receive(early)
    assert (state, reason) == ("waiting", "Later: parent_unknown")
    await here.receive(create(peer, ada.uri, community, 1))
    await here.fetch("update inbox set due_at = now()")
    await here.work()
    reply = await stored(here, peer, 2)
    assert reply is not None
    assert reply.kind == "reply"


async def test_a_reply_to_nothing_is_set_aside_after_five_tries(
    here: Here, peer: Peer, ada: Actor, community: Community
):
    await here.receive(create(peer, ada.uri, community, inReplyTo=f"{peer.origin}/notes/9"))
    for _ in range(4):
        await here.fetch("update inbox set due_at = now()")
        await here.work()
    assert await here.inbox_states() == [("Create", "dead", "Later: parent_unknown")]


async def test_an_object_given_by_its_id_is_fetched(
    here: Here, peer: Peer, ada: Actor, community: Community
):
    activity = create(peer, ada.uri, community)
    note = activity["object"]
    peer.put("/notes/1", note)
    assert await here.receive({**activity, "object": note["id"]}) == ("done", "")
    assert await stored(here, peer) is not None


async def test_r53_a_microblogs_note_to_the_community_is_a_thread_called_by_its_first_line(
    here: Here, peer: Peer, ada: Actor, community: Community
):
    content = f'<p><a href="{community.uri}">@marfan</a> Who else is tired?<br>I am.</p>'
    activity = create(peer, ada.uri, community, name=None, content=content)
    assert await here.receive(activity) == ("done", "")
    post = await stored(here, peer)
    assert post is not None
    assert post.title == "Who else is tired?"


async def test_the_title_in_bold_that_we_send_is_not_shown_twice(
    here: Here, peer: Peer, ada: Actor, community: Community
):
    content = "<p><strong>A &amp; B</strong></p><p>Text</p>"
    assert await here.receive(create(peer, ada.uri, community, name="A & B", content=content))
    post = await stored(here, peer)
    assert post is not None
    assert (post.title, post.html) == ("A & B", "<p>Text</p>")


async def test_r36_who_is_no_member_cannot_write(here: Here, peer: Peer, community: Community):
    eve = await here.actor(peer.actor("eve"))
    state, _ = await here.receive(create(peer, eve.uri, community))
    assert state == "refused"
    assert await stored(here, peer) is None
    assert await here.events() == []


async def test_a_refused_activity_keeps_its_reason_and_not_its_words(
    here: Here, peer: Peer, community: Community
):
    await here.receive(create(peer, peer.actor("eve"), community))
    ((state, reason, body),) = await here.fetch("select state, reason, body from inbox")
    assert (state, body) == ("refused", b"")
    assert reason


async def test_r26_nobody_writes_in_anothers_name_or_place(
    here: Here, peer: Peer, other_peer: Peer, ada: Actor, community: Community
):
    victim = other_peer.actor("victim")
    for number, changed in enumerate(
        [
            {"attributedTo": victim},
            {"attributedTo": [ada.uri, victim]},
            {"attributedTo": "victim"},
            {"attributedTo": 1},
            {"id": f"{other_peer.origin}/notes/1"},
            {"id": f"{here.site.origin}/ap/posts/1"},
        ]
    ):
        state, _ = await here.receive(create(peer, ada.uri, community, number, **changed))
        assert state == "refused", changed
    assert await here.fetch("select id from posts") == []


async def test_a_page_on_another_server_is_not_linked(
    here: Here, peer: Peer, ada: Actor, community: Community
):
    await here.receive(create(peer, ada.uri, community, url="https://elsewhere.test/phishing"))
    post = await stored(here, peer)
    assert post is not None
    assert post.url is None


async def test_r60_what_was_said_to_fewer_people_is_not_shown_to_more(
    here: Here, peer: Peer, ada: Actor, community: Community
):
    state, reason = await here.receive(create(peer, ada.uri, community, to=[community.uri]))
    assert (state, reason) == ("refused", "narrower_than_community")


async def test_a_closed_community_keeps_closed_what_is_sent_to_it_as_public(
    here: Here, peer: Peer, ada: Actor
):
    async with here.database.write() as conn:
        closed = await make_community(
            conn, site=here.site, readers="members", hosts=(peer.host,), listed=True
        )
        await join(conn, closed, ada)
    assert await here.receive(create(peer, ada.uri, closed)) == ("done", "")
    post = await stored(here, peer)
    assert post is not None
    assert post.audience == "community"


async def test_what_is_for_no_community_here_is_not_taken(
    here: Here, peer: Peer, ada: Actor, community: Community
):
    elsewhere = create(peer, ada.uri, community, to=[PUBLIC, f"{peer.origin}/groups/1"])
    state, reason = await here.receive(elsewhere)
    assert (state, reason) == ("refused", "not_for_us")


@pytest.mark.parametrize(
    "published",
    [
        "2025-02-30T00:00:00Z",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        "2025-01-01T00:00:60Z",
        "2025-W01-1",
        "2040-01-01T00:00:00Z",
        5,
        None,
    ],
)
async def test_a_time_that_cannot_be_is_the_time_of_arrival(
    here: Here, peer: Peer, ada: Actor, community: Community, published: object
):
    assert await here.receive(create(peer, ada.uri, community, published=published)) == ("done", "")
    ((age,),) = await here.fetch("select extract(epoch from now() - published_at) from posts")
    assert 0 <= float(str(age)) < 60


async def test_letters_that_cannot_be_stored_are_taken_out(
    here: Here, peer: Peer, ada: Actor, community: Community
):
    activity = create(
        peer, ada.uri, community, name="A\x00B", content="<p>x\x00y \ud83d z</p>", summary="\x00"
    )
    assert await here.receive(activity) == ("done", "")
    post = await stored(here, peer)
    assert post is not None
    assert post.title == "AB"
    assert "\x00" not in post.html


async def test_a_server_that_was_blocked_since_is_not_worked_for(
    here: Here, peer: Peer, ada: Actor, community: Community
):
    activity = create(peer, ada.uri, community)
    await here.fetch(
        "insert into instances (host, policy) values ($1, 'refused')"
        " on conflict (host) do update set policy = 'refused'",
        peer.host,
    )
    here.fed.hosts._standing.clear()
    row = (activity["id"], "Create", ada.uri, peer.host, b"{}")
    await here.fetch(
        "insert into inbox (id, uri, type, actor_uri, host, body) values (1, $1, $2, $3, $4, $5)",
        *row,
    )
    await here.work()
    assert await here.inbox_states() == [("Create", "refused", "host_refused")]


async def test_a_post_named_by_its_id_is_asked_for_at_the_authors_server_only(
    here: Here, peer: Peer, other_peer: Peer, ada: Actor, community: Community
):
    activity = create(peer, ada.uri, community)
    elsewhere = other_peer.put("/notes/1", activity["object"])
    assert await here.receive({**activity, "object": elsewhere}) == ("refused", "not_the_author")
    assert other_peer.asked == []


async def test_a_title_is_one_line_that_reads_forwards(
    here: Here, peer: Peer, ada: Actor, community: Community
):
    name = "A\u202e\x07 first\n\nthread"
    await here.receive(create(peer, ada.uri, community, name=name, summary="a\nb\u202e"))
    post = await stored(here, peer)
    assert post is not None
    assert (post.title, post.content_note) == ("A first thread", "a b")
