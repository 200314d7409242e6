"""Who votes, once, in time, and that the numbers are always those of the votes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pytest

from forum import editing, moderation, polls, threads
from forum.errors import ForumError, Invalid, NotAllowed, NotFound
from forum.text import PollDraft
from storage import memberships
from storage import polls as stored
from storage import threads as stored_threads
from storage.actors import Actor
from storage.audience import NOBODY, UNKNOWN_SERVER, Viewer
from storage.communities import Community
from storage.db import Connection
from storage.threads import Post
from tests import factories
from tests.factories import (
    SITE,
    far_future,
    join,
    make_community,
    make_draft,
    make_person,
    make_poll,
    make_remote_community,
    make_remote_person,
    make_thread,
    tick,
)

FRUITS = ("Apple", "Pear", "Plum")
EVENTS = "select kind, payload from events where kind like 'Poll%' order by id"


@dataclass
class Round:
    """A poll of somebody here, in a public community, and two who may vote."""

    author: Actor
    voter: Actor
    remote: Actor
    community: Community
    post: Post


async def make_round(
    conn: Connection,
    *,
    readers: str = "anyone",
    is_many: bool = False,
    ends_at: datetime | None = None,
) -> Round:
    await factories.make_site(conn)
    author, voter = await make_person(conn), await make_person(conn)
    remote = await make_remote_person(conn)
    hosts = (remote.host,) if readers == "members" else ()
    community = await make_community(conn, author, readers=readers, hosts=hosts)
    for person in (voter, remote):
        await join(conn, community, person)
    post = await make_poll(conn, author, community, is_many=is_many, ends_at=ends_at)
    return Round(author, voter, remote, community, post)


async def make_remote_round(conn: Connection) -> Round:
    """A poll of somebody elsewhere, in a community of this server."""
    await factories.make_site(conn)
    author, voter = await make_remote_person(conn), await make_person(conn)
    community = await make_community(conn, voter)
    await join(conn, community, author)
    post = await make_poll(conn, author, community, votes=(3, 2, 0), voters=5)
    return Round(author, voter, author, community, post)


async def numbers(conn: Connection, post: Post) -> tuple[int, list[int]]:
    poll = await stored.read_poll_unfiltered(conn, post.id)
    assert poll is not None
    return poll.voters, [option.votes for option in poll.options]


async def told(conn: Connection) -> list[tuple[str, object]]:
    return [(row["kind"], row["payload"]) for row in await conn.fetch(EVENTS)]


async def test_a_thread_with_a_poll_is_a_question(conn: Connection) -> None:
    there = await make_round(conn, ends_at=far_future())
    assert there.post.type == "Question"
    poll = await stored.read_poll(conn, NOBODY, there.post.id)
    assert poll is not None
    assert (poll.names, poll.voters, poll.is_many) == (FRUITS, 0, False)
    assert (poll.ends_at, poll.closed_at) == (far_future(), None)


async def test_a_reply_may_be_a_poll_without_words(conn: Connection) -> None:
    there = await make_round(conn)
    draft = replace(make_draft("", ""), html="", poll=PollDraft(("Yes", "No")))
    reply = await threads.reply(conn, SITE, there.author, there.post, draft, now=tick())
    assert reply.type == "Question"
    assert (await numbers(conn, reply)) == (0, [0, 0])


async def test_a_question_without_answers_is_a_note(conn: Connection) -> None:
    there = await make_round(conn)
    draft = replace(make_draft("Why?"), type="Question")
    post = await threads.start_thread(conn, SITE, there.author, there.community, draft, now=tick())
    assert post.type == "Note"


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (("Only one",), "number_of_options"),
        (tuple(str(n) for n in range(21)), "number_of_options"),
        (("Yes", " "), "empty"),
        (("Yes", "Yes "), "same_options"),
        (("Yes", "n" * 201), "too_long"),
        (tuple(str(n) for n in range(101)), "too_many_options"),
    ],
)
async def test_people_here_are_told_what_is_wrong_with_a_poll(
    options: tuple[str, ...], code: str, conn: Connection
) -> None:
    author = await make_person(conn)
    community = await make_community(conn, author)
    with pytest.raises(Invalid, match=code):
        await make_poll(conn, author, community, *options)


async def test_a_poll_here_does_not_end_before_it_begins(conn: Connection) -> None:
    author = await make_person(conn)
    community = await make_community(conn, author)
    with pytest.raises(Invalid, match="in_the_past") as refusal:
        await make_poll(conn, author, community, ends_at=tick())
    assert refusal.value.field == "ends_at"


async def test_nobody_begins_a_poll_with_votes_in_it(conn: Connection) -> None:
    author = await make_person(conn)
    community = await make_community(conn, author)
    post = await make_poll(conn, author, community, votes=(9, 9, 9), voters=27)
    assert await numbers(conn, post) == (0, [0, 0, 0])


async def test_a_poll_from_elsewhere_is_cut_to_fit(conn: Connection) -> None:
    there = await make_remote_round(conn)
    options = ("a" * 300, "a" * 200, "b\nc", "\x00", "d")
    post = await make_poll(
        conn, there.author, there.community, *options, votes=(1, 2, 3, 4), is_many=True
    )
    poll = await stored.read_poll_unfiltered(conn, post.id)
    assert poll is not None
    assert [(o.name, o.votes) for o in poll.options] == [("a" * 200, 3), ("b c", 3), ("d", 0)]
    assert poll.voters == 3  # at least that many, when only choices were counted


async def test_a_poll_from_elsewhere_with_too_many_answers_is_refused(conn: Connection) -> None:
    there = await make_remote_round(conn)
    with pytest.raises(Invalid, match="too_many_options"):
        await make_poll(conn, there.author, there.community, *(str(n) for n in range(101)))


async def test_a_poll_from_elsewhere_with_no_answers_is_none(conn: Connection) -> None:
    there = await make_remote_round(conn)
    post = await make_poll(conn, there.author, there.community, " ", "\x00")
    assert post.type == "Note"
    assert await stored.read_poll_unfiltered(conn, post.id) is None


async def test_r54_a_member_votes_once(conn: Connection) -> None:
    there = await make_round(conn)
    poll = await polls.vote(conn, there.voter, there.post, [1], now=tick())
    assert (poll.voters, [option.votes for option in poll.options]) == (1, [0, 1, 0])
    for choices in ([1], [0]):
        with pytest.raises(NotAllowed, match="voted"):
            await polls.vote(conn, there.voter, there.post, choices, now=tick())
    assert await numbers(conn, there.post) == (1, [0, 1, 0])


async def test_several_answers_are_one_vote_where_that_is_asked(conn: Connection) -> None:
    there = await make_round(conn, is_many=True)
    await polls.vote(conn, there.voter, there.post, [2, 0, 2], now=tick())
    assert await numbers(conn, there.post) == (1, [1, 0, 1])
    with pytest.raises(NotAllowed, match="voted"):
        await polls.vote(conn, there.voter, there.post, [1], now=tick())


async def test_several_answers_are_refused_where_one_is_asked(conn: Connection) -> None:
    there = await make_round(conn)
    with pytest.raises(NotAllowed, match="one_choice"):
        await polls.vote(conn, there.voter, there.post, [0, 1], now=tick())


@pytest.mark.parametrize("choices", [[], [3], [-1], [0, 99_999]])
async def test_only_what_is_offered_can_be_chosen(choices: list[int], conn: Connection) -> None:
    there = await make_round(conn, is_many=True)
    with pytest.raises(Invalid, match="choose"):
        await polls.vote(conn, there.voter, there.post, choices, now=tick())


async def test_nobody_votes_in_their_own_poll(conn: Connection) -> None:
    there = await make_round(conn)
    with pytest.raises(NotAllowed, match="own_poll"):
        await polls.vote(conn, there.author, there.post, [0], now=tick())


async def test_r54_a_late_vote_is_refused_even_before_the_poll_is_closed(conn: Connection) -> None:
    end = tick() + timedelta(hours=1)
    there = await make_round(conn, ends_at=end)
    with pytest.raises(NotAllowed, match="poll_ended"):
        await polls.vote(conn, there.voter, there.post, [0], now=end)
    with pytest.raises(NotAllowed, match="poll_ended"):
        await polls.receive_vote(conn, there.remote, there.post, "Plum", uri=None, now=end)
    last = end - timedelta(milliseconds=1)
    await polls.vote(conn, there.voter, there.post, [0], now=last)


async def test_the_rule_for_voting_is_the_one_for_answering(conn: Connection) -> None:
    there = await make_round(conn)
    stranger, stranger_there = await make_person(conn), await make_remote_person(conn)

    async def refused(code: str) -> None:
        with pytest.raises(NotAllowed, match=code):
            await polls.vote(conn, here, there.post, [0], now=tick())
        with pytest.raises(NotAllowed, match=code):
            await polls.receive_vote(conn, elsewhere, there.post, "Apple", uri=None, now=tick())

    here, elsewhere = stranger, stranger_there
    await refused("not_a_member")
    here, elsewhere = there.voter, there.remote
    for person in (here, elsewhere):
        await memberships.set_stop(conn, there.community.id, person.id, far_future(), "x")
    await refused("stopped")
    for person in (here, elsewhere):
        await memberships.set_stop(conn, there.community.id, person.id, None, "")
        await moderation.block_person(conn, there.author, person, tick())
    await refused("blocked")
    assert await numbers(conn, there.post) == (0, [0, 0, 0])


async def test_nobody_votes_in_what_a_moderator_took_down(conn: Connection) -> None:
    there = await make_round(conn)
    await threads.take_down(conn, there.post, there.author.id, "x", tick())
    with pytest.raises(NotFound):
        await polls.vote(conn, there.voter, there.post, [0], now=tick())


async def test_a_vote_in_a_post_without_a_poll_is_not_found(conn: Connection) -> None:
    there = await make_round(conn)
    thread = await make_thread(conn, there.author, there.community)
    with pytest.raises(NotFound):
        await polls.vote(conn, there.voter, thread, [0], now=tick())


async def test_r54_a_vote_from_elsewhere_counts_once_however_often_it_comes(
    conn: Connection,
) -> None:
    there = await make_round(conn)
    for _ in range(3):
        await polls.receive_vote(
            conn, there.remote, there.post, " Plum ", uri="https://there.test/v", now=tick()
        )
    assert await numbers(conn, there.post) == (1, [0, 0, 1])
    with pytest.raises(NotAllowed, match="voted"):
        await polls.receive_vote(conn, there.remote, there.post, "Pear", uri=None, now=tick())
    with pytest.raises(Invalid, match="unknown_option"):
        await polls.receive_vote(conn, there.remote, there.post, "Nut", uri=None, now=tick())


async def test_several_votes_from_elsewhere_are_of_one_voter(conn: Connection) -> None:
    there = await make_round(conn, is_many=True)
    for name in ("Plum", "Apple", "Plum"):
        await polls.receive_vote(conn, there.remote, there.post, name, uri=None, now=tick())
    assert await numbers(conn, there.post) == (1, [1, 0, 1])


async def test_the_same_vote_once_more_is_welcome_after_the_end(conn: Connection) -> None:
    end = tick() + timedelta(hours=1)
    there = await make_round(conn, ends_at=end)
    await polls.receive_vote(conn, there.remote, there.post, "Plum", uri=None, now=tick())
    await polls.receive_vote(conn, there.remote, there.post, "Plum", uri=None, now=end)
    assert await numbers(conn, there.post) == (1, [0, 0, 1])


async def test_each_door_takes_only_its_own_voters(conn: Connection) -> None:
    there, other = await make_round(conn), await make_remote_round(conn)
    with pytest.raises(Invalid, match="not_here"):
        await polls.vote(conn, there.remote, there.post, [0], now=tick())
    with pytest.raises(Invalid, match="not_elsewhere"):
        await polls.receive_vote(conn, there.voter, there.post, "Plum", uri=None, now=tick())
    with pytest.raises(Invalid, match="not_elsewhere"):
        await polls.receive_vote(conn, there.remote, other.post, "Plum", uri=None, now=tick())


@pytest.mark.parametrize("readers", ["anyone", "members"])
async def test_in_a_community_elsewhere_its_server_says_who_votes(
    readers: str, conn: Connection
) -> None:
    await factories.make_site(conn)
    community = await make_remote_community(conn, readers=readers)
    author = await make_person(conn)
    await join(conn, community, author)
    post = await make_poll(conn, author, community)
    neighbour = await make_remote_person(conn, host=community.host)
    await polls.receive_vote(conn, neighbour, post, "Plum", uri=None, now=tick())
    third = await make_remote_person(conn, host="third.test")
    if readers == "anyone":
        await polls.receive_vote(conn, third, post, "Plum", uri=None, now=tick())
        assert await numbers(conn, post) == (2, [0, 0, 2])
    else:
        with pytest.raises(NotAllowed, match="not_a_member"):
            await polls.receive_vote(conn, third, post, "Plum", uri=None, now=tick())


async def test_a_vote_in_a_poll_elsewhere_is_told_and_not_counted_here(
    conn: Connection,
) -> None:
    there = await make_remote_round(conn)
    poll = await polls.vote(conn, there.voter, there.post, [2], now=tick())
    assert (poll.voters, [o.votes for o in poll.options]) == (5, [3, 2, 0])
    payload = {"post_id": there.post.id, "actor_id": there.voter.id, "choices": [2]}
    assert await told(conn) == [("PollVoted", payload)]
    assert await stored.read_choices(conn, Viewer(there.voter.id), there.post.id) == [2]
    with pytest.raises(NotAllowed, match="voted"):
        await polls.vote(conn, there.voter, there.post, [0], now=tick())


async def test_r54_the_numbers_of_a_poll_elsewhere_are_what_its_server_says(
    conn: Connection,
) -> None:
    there = await make_remote_round(conn)
    before = await stored_threads.read_page_version(conn, there.post.id)
    end = tick()
    counted = PollDraft(
        ("Plum", "Pear", "Apple"), ends_at=end, closed_at=end, votes=(7, 2, 4), voters=13
    )
    await polls.receive_totals(conn, there.author, there.post, counted, now=tick())
    poll = await stored.read_poll_unfiltered(conn, there.post.id)
    assert poll is not None
    assert [(o.name, o.votes) for o in poll.options] == [("Apple", 4), ("Pear", 2), ("Plum", 7)]
    assert (poll.voters, poll.ends_at, poll.closed_at) == (13, end, end)
    after = await stored_threads.read_page_version(conn, there.post.id)
    assert before
    assert after
    assert after.version > before.version
    await polls.receive_totals(conn, there.author, there.post, counted, now=tick())
    assert await stored_threads.read_page_version(conn, there.post.id) == after
    assert await told(conn) == []


async def test_numbers_are_taken_from_the_author_of_a_poll_elsewhere_only(
    conn: Connection,
) -> None:
    there, other = await make_round(conn), await make_remote_round(conn)
    counted = PollDraft(FRUITS, votes=(9, 9, 9), voters=27)
    with pytest.raises(NotAllowed, match="not_yours"):
        await polls.receive_totals(conn, there.remote, other.post, counted, now=tick())
    with pytest.raises(Invalid, match="not_elsewhere"):
        await polls.receive_totals(conn, there.author, there.post, counted, now=tick())
    other_question = replace(counted, options=("Nut", "Pear", "Plum"))
    await polls.receive_totals(conn, other.author, other.post, other_question, now=tick())
    assert await numbers(conn, other.post) == (5, [3, 2, 0])


async def test_a_poll_is_seen_by_whoever_sees_its_post(conn: Connection) -> None:
    there = await make_round(conn, readers="members")
    await polls.vote(conn, there.voter, there.post, [0], now=tick())
    stranger = await make_person(conn)
    for viewer, sees in (
        (Viewer(there.voter.id), True),
        (Viewer(there.remote.id, there.remote.host), True),
        (Viewer(stranger.id), False),
        (NOBODY, False),
        (UNKNOWN_SERVER, False),
    ):
        assert bool(await stored.read_poll(conn, viewer, there.post.id)) == sees, viewer
    await threads.take_down(conn, there.post, there.author.id, "x", tick())
    assert await stored.read_poll(conn, Viewer(there.voter.id), there.post.id) is None
    assert await stored.read_choices(conn, Viewer(there.voter.id), there.post.id) == []


async def test_what_somebody_chose_is_read_by_them_alone(conn: Connection) -> None:
    there = await make_round(conn)
    await polls.vote(conn, there.voter, there.post, [1], now=tick())
    assert await stored.read_choices(conn, Viewer(there.voter.id), there.post.id) == [1]
    for viewer in (Viewer(there.author.id), NOBODY, Viewer(host=there.remote.host)):
        assert await stored.read_choices(conn, viewer, there.post.id) == []


async def test_a_vote_makes_the_page_newer(conn: Connection) -> None:
    there = await make_round(conn)
    draft = replace(make_draft(), poll=PollDraft(("Yes", "No")))
    reply = await threads.reply(conn, SITE, there.author, there.post, draft, now=tick())
    before = await stored_threads.read_page_version(conn, there.post.id)
    await polls.vote(conn, there.voter, reply, [0], now=tick())
    after = await stored_threads.read_page_version(conn, there.post.id)
    assert before
    assert after
    assert after.version == before.version + 1
    row = await stored_threads.read_unfiltered(conn, reply.id)
    assert row is not None
    assert row.version == reply.version + 1


async def test_r54_new_numbers_are_told_once_a_minute(conn: Connection) -> None:
    there = await make_round(conn)
    at = tick()
    await polls.vote(conn, there.voter, there.post, [0], now=at)
    assert await polls.close_ended(conn, now=at + timedelta(seconds=59)) == 0
    later = at + timedelta(seconds=59)
    await polls.receive_vote(conn, there.remote, there.post, "Plum", uri=None, now=later)
    assert await polls.close_ended(conn, now=at + timedelta(seconds=60)) == 1
    assert await told(conn) == [("PollTallied", {"post_id": there.post.id})]
    assert await polls.close_ended(conn, now=at + timedelta(hours=1)) == 0


async def test_r54_a_poll_is_closed_when_it_ends_and_told_once(conn: Connection) -> None:
    end = tick() + timedelta(hours=1)
    there = await make_round(conn, ends_at=end)
    await polls.vote(conn, there.voter, there.post, [0], now=end - timedelta(seconds=5))
    before = await stored_threads.read_page_version(conn, there.post.id)
    assert await polls.close_ended(conn, now=end - timedelta(milliseconds=1)) == 0
    assert await polls.close_ended(conn, now=end) == 1
    assert await polls.close_ended(conn, now=end + timedelta(hours=1)) == 0
    poll = await stored.read_poll_unfiltered(conn, there.post.id)
    assert poll is not None
    assert poll.closed_at == end
    assert await told(conn) == [("PollTallied", {"post_id": there.post.id})]
    after = await stored_threads.read_page_version(conn, there.post.id)
    assert before
    assert after
    assert after.version > before.version


async def test_the_end_of_a_poll_elsewhere_is_not_ours_to_tell(conn: Connection) -> None:
    there = await make_remote_round(conn)
    poll = PollDraft(FRUITS, ends_at=tick(), votes=(3, 2, 0), voters=5)
    await polls.receive_totals(conn, there.author, there.post, poll, now=tick())
    assert await polls.close_ended(conn, now=tick()) == 1
    with pytest.raises(NotAllowed, match="poll_ended"):
        await polls.vote(conn, there.voter, there.post, [0], now=tick())
    assert await told(conn) == []


async def test_a_poll_that_was_taken_down_ends_in_silence(conn: Connection) -> None:
    end = tick() + timedelta(hours=1)
    there = await make_round(conn, ends_at=end)
    await threads.take_down(conn, there.post, there.author.id, "x", tick())
    assert await polls.close_ended(conn, now=end) == 1
    assert await told(conn) == []


async def test_many_polls_end_in_bounded_steps(conn: Connection) -> None:
    end = tick() + timedelta(hours=1)
    there = await make_round(conn, ends_at=end)
    for _ in range(4):
        await make_poll(conn, there.author, there.community, ends_at=end)
    steps = [await polls.close_ended(conn, now=end, limit=2) for _ in range(4)]
    assert steps == [2, 2, 1, 0]


async def test_an_erased_poll_leaves_nothing(conn: Connection) -> None:
    there = await make_round(conn)
    await polls.vote(conn, there.voter, there.post, [0], now=tick())
    await threads.erase_post(conn, there.author, there.post, now=tick())
    for table in ("polls", "poll_options", "poll_votes"):
        assert await conn.fetchval(f"select count(*) from {table}") == 0, table
    with pytest.raises(ForumError):
        await polls.vote(conn, there.voter, there.post, [0], now=tick())


async def test_a_vote_that_could_not_be_told_goes_with_the_poll(conn: Connection) -> None:
    there = await make_remote_round(conn)
    other = await make_poll(conn, there.author, there.community, votes=(0, 0, 0))
    for post in (there.post, other):
        await polls.vote(conn, there.voter, post, [0], now=tick())
    await conn.execute("update events set state = 'dead'")
    await threads.erase_post(conn, there.author, there.post, now=tick())
    about = await conn.fetch("select payload from events where kind = 'PollVoted'")
    assert [row["payload"]["post_id"] for row in about] == [other.id]
    kinds = await conn.fetch("select kind from events where state = 'waiting'")
    assert [row["kind"] for row in kinds] == ["PostErased"]


async def test_whoever_moved_votes_no_more(conn: Connection) -> None:
    there = await make_round(conn)
    moved = replace(there.remote, moved_to=there.voter.id)
    with pytest.raises(NotAllowed, match="moved"):
        await polls.receive_vote(conn, moved, there.post, "Plum", uri=None, now=tick())


async def test_an_edit_of_the_words_keeps_the_votes(conn: Connection) -> None:
    there = await make_round(conn)
    await polls.vote(conn, there.voter, there.post, [0], now=tick())
    poll = PollDraft(FRUITS, ends_at=far_future())
    for draft in (make_draft("Which, please?"), replace(make_draft("Well?"), poll=poll)):
        post = await editing.edit_post(conn, there.author, there.post, draft, now=tick())
        assert (post.type, post.title) == ("Question", draft.title)
    assert await numbers(conn, there.post) == (1, [1, 0, 0])


async def test_another_question_drops_the_votes(conn: Connection) -> None:
    there = await make_round(conn)
    await polls.vote(conn, there.voter, there.post, [0], now=tick())
    poll = PollDraft(("Nut", "Pear"), ends_at=far_future())
    draft = replace(make_draft("Which one?"), poll=poll)
    await editing.edit_post(conn, there.author, there.post, draft, now=tick())
    assert await numbers(conn, there.post) == (0, [0, 0])
    await polls.vote(conn, there.voter, there.post, [0], now=tick())


async def test_a_poll_may_get_another_end(conn: Connection) -> None:
    there = await make_round(conn)
    await polls.vote(conn, there.voter, there.post, [0], now=tick())
    end = tick() + timedelta(days=1)
    draft = replace(make_draft("Which one?"), poll=PollDraft(FRUITS, ends_at=end))
    await editing.edit_post(conn, there.author, there.post, draft, now=tick())
    poll = await stored.read_poll_unfiltered(conn, there.post.id)
    assert poll is not None
    assert (poll.ends_at, poll.voters) == (end, 1)


async def test_the_words_of_a_poll_that_ended_may_be_edited(conn: Connection) -> None:
    end = tick() + timedelta(hours=1)
    there = await make_round(conn, ends_at=end)
    draft = replace(make_draft("It was Apple"), poll=PollDraft(FRUITS, ends_at=end))
    post = await editing.edit_post(
        conn, there.author, there.post, draft, now=end + timedelta(days=1)
    )
    assert post.title == "It was Apple"


async def test_an_edit_from_elsewhere_brings_its_numbers(conn: Connection) -> None:
    there = await make_remote_round(conn)
    poll = PollDraft(FRUITS, ends_at=far_future(), votes=(4, 2, 0), voters=6)
    draft = replace(make_draft("Which one?"), poll=poll)
    same = await editing.edit_post(conn, there.author, there.post, draft, now=tick())
    assert await numbers(conn, there.post) == (6, [4, 2, 0])
    assert same.edited_at is None
    await polls.vote(conn, there.voter, there.post, [0], now=tick())
    other = replace(poll, options=("Nut", "Pear"), votes=(1, 0), voters=1)
    await editing.edit_post(conn, there.author, there.post, replace(draft, poll=other), now=tick())
    assert await numbers(conn, there.post) == (1, [1, 0])
    assert await stored.read_choices(conn, Viewer(there.voter.id), there.post.id) == []


async def test_an_edit_from_elsewhere_may_take_the_poll_away(conn: Connection) -> None:
    there = await make_remote_round(conn)
    unread = replace(make_draft("Which one?"), type="Question")
    post = await editing.edit_post(conn, there.author, there.post, unread, now=tick())
    assert post.type == "Question"
    post = await editing.edit_post(
        conn, there.author, there.post, make_draft("Which one?"), now=tick()
    )
    assert post.type == "Note"
    assert await stored.read_poll_unfiltered(conn, there.post.id) is None
