"""Direct messages of people elsewhere, and what leaves here for them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from federation import deliver, publish
from forum import messages
from forum.text import Draft
from storage.actors import Actor
from storage.audience import NOBODY, UNKNOWN_SERVER, Viewer
from storage.conversations import Conversation, list_people_unfiltered, read_conversation
from storage.instances import save_software
from storage.threads import Post, read_by_uri_unfiltered, read_post
from tests.factories import join, make_community, make_person, make_remote_community
from tests.federation.conftest import Here
from tests.federation.peer import PUBLIC, Peer


def message(peer: Peer, author: Actor, to: list[str], number: int = 1, **changed: Any) -> Any:
    note = {
        "id": f"{peer.origin}/notes/{number}",
        "type": "Note",
        "attributedTo": author.uri,
        "to": to,
        "cc": [],
        "content": "<p>In confidence<script>x</script></p>",
        "tag": [{"type": "Mention", "href": one, "name": "@someone"} for one in to],
        **changed,
    }
    return {
        "id": f"{peer.origin}/creates/{number}",
        "type": "Create",
        "actor": author.uri,
        "to": note["to"],
        "cc": note["cc"],
        "object": note,
    }


@pytest.fixture
async def ada(here: Here, peer: Peer) -> Actor:
    return await here.actor(peer.actor("ada"))


@pytest.fixture
async def rosa(here: Here) -> Actor:
    async with here.database.write() as conn:
        return await make_person(conn, "rosa", site=here.site)


async def stored(here: Here, peer: Peer, number: int = 1) -> Post:
    async with here.database.read() as conn:
        post = await read_by_uri_unfiltered(conn, f"{peer.origin}/notes/{number}")
    assert post is not None
    return post


async def talk_of(here: Here, person: Actor, thread_id: int) -> Conversation:
    async with here.database.read() as conn:
        found = await read_conversation(conn, Viewer(person.id), thread_id)
    assert found is not None
    return found


async def sent(here: Here) -> list[tuple[str, str, dict[str, Any]]]:
    while await publish.step(here.fed):
        pass
    rows = await here.fetch(
        "select a.type, d.inbox, a.body from deliveries d join activities a on a.id = d.activity_id"
        " order by a.id"
    )
    return [(str(kind), str(inbox), msgspec.json.decode(body)) for kind, inbox, body in rows]


async def answer(here: Here, author: Actor, to: Actor, text: str = "Yes") -> Post:
    async with here.database.write() as conn:
        draft = Draft(title="", source=text, html=f"<p>{text}</p>")
        return await messages.send(conn, here.site, author, [to], draft, now=here.fed.clock.now())


async def test_pat13_a_note_to_one_person_is_a_request_that_nobody_else_sees(
    here: Here, peer: Peer, ada: Actor, rosa: Actor
):
    assert await here.receive(message(peer, ada, [rosa.uri])) == ("done", "")
    post = await stored(here, peer)
    assert (post.audience, post.title, post.html) == ("direct", "", "<p>In confidence</p>")
    async with here.database.write() as conn:
        other = await make_person(conn, site=here.site)
        people = await list_people_unfiltered(conn, post.id)
        assert {one.actor_id: one.state for one in people} == {ada.id: "open", rosa.id: "asked"}
        for viewer in (NOBODY, UNKNOWN_SERVER, Viewer(other.id), Viewer(host=peer.host)):
            assert await read_post(conn, viewer, post.id) is None
        assert await read_post(conn, Viewer(rosa.id), post.id) is not None
    assert await sent(here) == []


async def test_pat13_who_shares_a_community_is_no_stranger(
    here: Here, peer: Peer, ada: Actor, rosa: Actor
):
    async with here.database.write() as conn:
        community = await make_community(conn, rosa, site=here.site)
        await join(conn, community, ada)
    await here.receive(message(peer, ada, [rosa.uri]))
    assert (await talk_of(here, rosa, (await stored(here, peer)).id)).state == "open"


async def test_pat13_an_answer_goes_to_the_author_alone_and_theirs_joins_the_conversation(
    here: Here, peer: Peer, ada: Actor, rosa: Actor
):
    await here.receive(message(peer, ada, [rosa.uri, "https://third.test/users/eve"]))
    first = await stored(here, peer)
    said = await answer(here, rosa, ada)
    assert (said.thread_id, said.parent_id) == (first.id, first.id)
    ((kind, inbox, create),) = await sent(here)
    note = create["object"]
    assert (kind, inbox) == ("Create", ada.inbox)
    assert (note["to"], note["cc"], note["inReplyTo"]) == ([ada.uri], [], first.uri)
    assert note["tag"] == [{"type": "Mention", "href": ada.uri, "name": f"@ada@{ada.host}"}]
    assert "audience" not in note
    assert PUBLIC not in str(create)
    await here.receive(message(peer, ada, [rosa.uri], 2, inReplyTo=said.uri))
    second = await stored(here, peer, 2)
    assert (second.thread_id, second.parent_id) == (first.id, said.id)


async def test_pat13_whoever_is_not_answered_can_write_three_times_and_no_more(
    here: Here, peer: Peer, ada: Actor, rosa: Actor
):
    for number in (1, 2, 3):
        result = await here.receive(message(peer, ada, [rosa.uri], number))
        assert result == ("done", "")
    refused = await here.receive(message(peer, ada, [rosa.uri], 4))
    assert refused == ("refused", "not_yet_answered")
    await answer(here, rosa, ada)
    assert await here.receive(message(peer, ada, [rosa.uri], 5)) == ("done", "")


async def test_pat13_a_blocked_person_reaches_nobody(
    here: Here, peer: Peer, ada: Actor, rosa: Actor
):
    async with here.database.write() as conn:
        await conn.execute("insert into blocks values ($1, $2)", rosa.id, ada.id)
    refused = await here.receive(message(peer, ada, [rosa.uri]))
    assert refused == ("refused", "not_reachable")


async def test_a_note_for_followers_or_for_a_community_is_no_direct_message(
    here: Here, peer: Peer, ada: Actor, rosa: Actor
):
    async with here.database.write() as conn:
        community = await make_community(conn, rosa, site=here.site)
        await join(conn, community, ada)
    followers = ada.followers or f"{ada.uri}/followers"
    for number, to in enumerate(([rosa.uri, followers], [rosa.uri, community.uri]), 1):
        activity = message(peer, ada, to, number)
        assert (await here.receive(activity))[0] == "refused"
    assert await here.fetch("select 1 from conversations") == []


async def test_a_private_answer_to_what_stands_in_a_community_stays_out_of_it(
    here: Here, peer: Peer, ada: Actor, rosa: Actor
):
    async with here.database.write() as conn:
        community = await make_community(conn, rosa, site=here.site)
        await join(conn, community, ada)
    public = message(peer, ada, [PUBLIC, community.uri], name="A thread")
    assert await here.receive(public) == ("done", "")
    thread = await stored(here, peer)
    await here.receive(message(peer, ada, [rosa.uri], 2, inReplyTo=thread.uri))
    private = await stored(here, peer, 2)
    assert (private.audience, private.thread_id, private.community_id) == (
        "direct",
        private.id,
        None,
    )


async def test_a_chat_message_of_a_forum_is_read_and_answered_as_one(
    here: Here, peer: Peer, ada: Actor, rosa: Actor
):
    await here.receive(message(peer, ada, [rosa.uri], type="ChatMessage"))
    assert (await stored(here, peer)).type == "Note"
    async with here.database.write() as conn:
        await save_software(conn, ada.host, "lemmy", "0.19.5", here.fed.clock.now())
    await answer(here, rosa, ada)
    ((_, _, create),) = await sent(here)
    assert create["object"]["type"] == "ChatMessage"
    assert create["@context"][-1] == {"ChatMessage": "http://litepub.social/ns#ChatMessage"}


async def test_a_chat_message_for_a_community_is_refused(
    here: Here, peer: Peer, ada: Actor, rosa: Actor
):
    async with here.database.write() as conn:
        community = await make_community(conn, rosa, site=here.site)
        await join(conn, community, ada)
    activity = message(peer, ada, [PUBLIC, community.uri], type="ChatMessage")
    assert await here.receive(activity) == ("refused", "not_for_us")


async def test_pat13_deleting_mine_is_told_to_them_and_theirs_is_erased_here_when_they_say_so(
    here: Here, peer: Peer, ada: Actor, rosa: Actor
):
    await here.receive(message(peer, ada, [rosa.uri]))
    first = await stored(here, peer)
    said = await answer(here, rosa, ada)
    await sent(here)
    async with here.database.write() as conn:
        talk = await read_conversation(conn, Viewer(rosa.id), first.id)
        assert talk is not None
        await messages.delete_mine(conn, rosa, talk, here.fed.clock.now())
    kind, inbox, delete = (await sent(here))[-1]
    assert (kind, inbox, delete["object"]["id"]) == ("Delete", ada.inbox, said.uri)
    assert (delete["to"], delete["cc"]) == ([ada.uri], [])
    goodbye = {
        "id": f"{peer.origin}/deletes/1",
        "type": "Delete",
        "actor": ada.uri,
        "to": [rosa.uri],
        "object": {"id": first.uri, "type": "Tombstone"},
    }
    assert await here.receive(goodbye) == ("done", "")
    assert (await stored(here, peer)).state == "erased"


async def test_pat13_the_timer_erases_ones_own_words_and_tells_of_it(
    here: Here, peer: Peer, ada: Actor, rosa: Actor
):
    await here.receive(message(peer, ada, [rosa.uri]))
    first = await stored(here, peer)
    said = await answer(here, rosa, ada)
    await sent(here)
    now = here.fed.clock.now()
    async with here.database.write() as conn:
        talk = await read_conversation(conn, Viewer(rosa.id), first.id)
        assert talk is not None
        await messages.accept(conn, rosa, talk)
        await messages.keep_for(conn, rosa, await _open(conn, rosa, first.id), 7)
        assert await messages.erase_due(conn, now=now + timedelta(days=6), limit=10) == 0
        assert await messages.erase_due(conn, now=now + timedelta(days=8), limit=10) == 1
    deleted = [
        document["object"]["id"] for kind, _, document in await sent(here) if kind == "Delete"
    ]
    assert deleted == [said.uri]
    assert (await stored(here, peer)).state == "live"


async def _open(conn: Any, person: Actor, thread_id: int) -> Conversation:
    talk = await read_conversation(conn, Viewer(person.id), thread_id)
    assert talk is not None
    return talk


async def test_pat13_what_is_sent_arrives_at_the_other_server(
    here: Here, peer: Peer, ada: Actor, rosa: Actor
):
    """Ada's server answers what it does not know; that it was asked is what counts."""
    await here.receive(message(peer, ada, [rosa.uri]))
    post = await answer(here, rosa, ada, "I hear you")
    while await publish.step(here.fed):
        pass
    assert await deliver.step(here.fed) > 0
    copies = await here.fetch("select host from post_copies where post_id = $1", post.id)
    assert copies == [(ada.host,)]


@pytest.mark.parametrize("way", ["audience", "audience_of_create", "known", "followers", "many"])
async def test_what_is_written_in_a_community_elsewhere_and_names_somebody_here_is_no_message(
    way: str, here: Here, peer: Peer, ada: Actor, rosa: Actor
):
    group = f"{peer.origin}/c/herd"
    activity = message(peer, ada, [rosa.uri])
    if way == "audience":
        activity["object"]["audience"] = group
    elif way == "audience_of_create":
        activity["audience"] = group
    elif way == "followers":
        activity["object"]["cc"] = [f"{group}/followers"]
    elif way == "many":
        activity["object"]["cc"] = [f"{peer.origin}/users/{number}" for number in range(60)]
    else:
        async with here.database.write() as conn:
            known = await make_remote_community(conn, name="herd")
        activity["to"] = activity["object"]["to"] = [rosa.uri, known.uri]
    assert await here.receive(activity) == ("refused", "not_for_us")
    assert await here.fetch("select 1 from conversations") == []
