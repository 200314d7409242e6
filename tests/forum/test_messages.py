"""Direct messages: whom one reaches, how often, and whose words a timer takes."""

from __future__ import annotations

from datetime import timedelta

import pytest

from forum import erasing, messages
from forum.errors import NotAllowed, TooMany
from forum.text import Draft
from forum.threads import Origin
from storage import conversations, erasures, threads
from storage.actors import Actor
from storage.audience import Viewer
from storage.conversations import Conversation
from storage.db import Connection
from storage.threads import Post
from tests.factories import (
    SITE,
    join,
    make_community,
    make_person,
    make_remote_person,
    make_site,
    tick,
)


async def write(conn: Connection, author: Actor, *to: Actor, text: str = "Hello") -> Post:
    """One message, as people here and elsewhere write it."""
    now = tick()
    origin = None
    if not author.is_local:
        origin = Origin(f"{author.uri}/notes/{now.timestamp()}", None, now, None)
    draft = Draft(title="", source=text, html=f"<p>{text}</p>")
    return await messages.send(conn, SITE, author, list(to), draft, now=now, origin=origin)


async def talk_of(conn: Connection, person: Actor, post: Post) -> Conversation:
    found = await conversations.read_conversation(conn, Viewer(person.id), post.thread_id)
    assert found is not None
    return found


async def state_of(conn: Connection, post: Post) -> str:
    found = await threads.read_unfiltered(conn, post.id)
    assert found is not None
    return found.state


async def friends(conn: Connection, *people: Actor) -> None:
    """They meet in a community, and so are no strangers."""
    place = await make_community(conn, readers="members")
    for person in people:
        await join(conn, place, person)


async def test_pat05_the_receipt_of_many_messages_is_done_with_the_last(conn: Connection) -> None:
    ada, bert = await make_person(conn), await make_person(conn)
    await friends(conn, ada, bert)
    first = await write(conn, ada, bert)
    second = await write(conn, ada, bert, text="More")
    secret = await messages.delete_mine(conn, ada, await talk_of(conn, ada, first), tick())
    for post, is_done in ((first, False), (second, True)):
        await erasures.finish_of_post(conn, post.id, tick())
        receipt = await erasing.read_receipt(conn, secret, tick())
        assert receipt is not None
        assert (receipt.posts, receipt.is_done) == (2, is_done)


async def test_pat13_a_friend_in_the_conversation_opens_no_way_to_a_stranger(
    conn: Connection,
) -> None:
    await make_site(conn)
    ada, friend, stranger = (
        await make_remote_person(conn),
        await make_person(conn),
        await make_person(conn),
    )
    await friends(conn, ada, friend)
    for _ in range(messages.MOST_UNANSWERED):
        await write(conn, ada, friend, stranger)
    with pytest.raises(NotAllowed, match="not_yet_answered"):
        await write(conn, ada, friend, stranger)
    await write(conn, friend, ada, stranger)
    with pytest.raises(NotAllowed, match="not_yet_answered"):
        await write(conn, ada, friend, stranger)
    await write(conn, stranger, ada, friend)
    await write(conn, ada, friend, stranger)


async def test_pat13_a_stranger_has_three_messages_in_all_conversations_together(
    conn: Connection,
) -> None:
    await make_site(conn)
    ada, stranger = await make_remote_person(conn), await make_person(conn)
    others = [await make_person(conn) for _ in range(4)]
    await friends(conn, ada, *others)
    for other in others[:3]:
        await write(conn, ada, stranger, other)
    for alone in ([stranger], [stranger, others[3]]):
        with pytest.raises(NotAllowed, match="not_yet_answered"):
            await write(conn, ada, *alone)


async def test_pat13_who_let_a_request_go_is_not_asked_again_with_somebody_else(
    conn: Connection,
) -> None:
    await make_site(conn)
    ada, stranger, other = [await make_person(conn) for _ in range(3)]
    for _ in range(messages.MOST_UNANSWERED):
        asked = await write(conn, ada, stranger)
    await messages.refuse(conn, stranger, await talk_of(conn, stranger, asked))
    with pytest.raises(NotAllowed, match="not_yet_answered"):
        await write(conn, ada, stranger, other)


async def test_pat13_taking_a_message_back_gives_a_stranger_no_other_one(
    conn: Connection,
) -> None:
    await make_site(conn)
    ada, stranger = await make_person(conn), await make_person(conn)
    for _ in range(messages.MOST_UNANSWERED):
        post = await write(conn, ada, stranger)
    await messages.delete_mine(conn, ada, await talk_of(conn, ada, post), tick())
    with pytest.raises(NotAllowed, match="not_yet_answered"):
        await write(conn, ada, stranger)


async def said(conn: Connection, author: Actor, to: Actor, times: int) -> list[str]:
    """What becomes of so many messages."""
    outcomes = []
    for _ in range(times):
        try:
            await write(conn, author, to)
        except NotAllowed as refusal:
            outcomes.append(refusal.code)
        else:
            outcomes.append("sent")
    return outcomes


async def test_pat02_how_often_one_may_write_does_not_tell_who_is_in_a_community(
    conn: Connection,
) -> None:
    await make_site(conn)
    nosy, member, stranger = [await make_person(conn) for _ in range(3)]
    await friends(conn, nosy, member)
    to_member = await said(conn, nosy, member, 5)
    assert to_member == await said(conn, nosy, stranger, 5)
    assert to_member == ["sent"] * 3 + ["not_yet_answered"] * 2
    await write(conn, member, nosy)
    assert await said(conn, nosy, member, 5) == ["sent"] * 5


async def test_pat02_nor_does_how_many_people_one_may_begin_to_write_to(conn: Connection) -> None:
    await make_site(conn)
    nosy, *people = [await make_person(conn) for _ in range(messages.MOST_BEGUN + 3)]
    member, stranger = people[-2:]
    await friends(conn, nosy, member)
    for person in people[: messages.MOST_BEGUN]:
        await write(conn, nosy, person)
    for person in (member, stranger):
        with pytest.raises(TooMany):
            await write(conn, nosy, person)


async def test_pat13_who_lets_a_stranger_write_need_not_answer(conn: Connection) -> None:
    await make_site(conn)
    ada, stranger = await make_person(conn), await make_person(conn)
    post = await write(conn, ada, stranger)
    await messages.accept(conn, stranger, await talk_of(conn, stranger, post))
    assert await said(conn, ada, stranger, 4) == ["sent"] * 4


async def test_pat13_nobody_writes_to_a_name_for_one_thread(conn: Connection) -> None:
    """Whoever is behind it would have to answer as themselves."""
    await make_site(conn)
    rosa, owner, name = [await make_person(conn) for _ in range(3)]
    place = await make_community(conn, owner)
    await conn.execute(
        "insert into aliases (actor_id, owner_id, community_id) values ($1, $2, $3)",
        name.id,
        owner.id,
        place.id,
    )
    with pytest.raises(NotAllowed, match="not_reachable"):
        await write(conn, rosa, name)


async def test_pat13_a_timer_takes_the_words_of_who_set_it_and_of_nobody_else(
    conn: Connection,
) -> None:
    await make_site(conn)
    rosa, timo = await make_person(conn), await make_person(conn)
    await friends(conn, rosa, timo)
    of_rosa = await write(conn, rosa, timo)
    of_timo = await write(conn, timo, rosa)
    await messages.keep_for(conn, rosa, await talk_of(conn, rosa, of_rosa), 7)
    assert (await talk_of(conn, timo, of_rosa)).keep_days is None
    later = tick() + timedelta(days=8)
    assert await messages.erase_due(conn, now=later, limit=10) == 1
    assert [await state_of(conn, post) for post in (of_rosa, of_timo)] == ["erased", "live"]
