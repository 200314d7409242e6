from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from forum import accounts, aliases, consents, moderation, mutes, polls, support
from forum.drafts import PollDraft
from forum.editing import edit_post
from forum.errors import Invalid, NotAllowed
from forum.threads import erase_post, reply
from storage import aliases as stored
from storage import communities, memberships, modlog, reports, threads
from storage.actors import Actor, read_person, read_unfiltered
from storage.audience import NOBODY, Viewer
from storage.communities import Community
from storage.db import Connection
from storage.threads import Post
from tests import factories
from tests.factories import (
    KEYPAIR,
    SITE,
    join,
    make_community,
    make_moderator,
    make_person,
    make_thread,
    tick,
)

FRESH = aliases.Fresh(SITE, KEYPAIR)
LATER = timedelta(days=4)


async def scene(conn: Connection) -> tuple[Community, Actor, Actor]:
    owner, rosa = await make_person(conn), await make_person(conn)
    place = await make_community(conn, owner)
    await join(conn, place, rosa)
    return place, owner, rosa


async def unnamed(
    conn: Connection, person: Actor, place: Community, key: str | None = None
) -> Post:
    draft = factories.make_draft("Am I alone?", "I fear the scan.")
    now = tick() + LATER
    return await aliases.start_unnamed_thread(
        conn, FRESH, person, place, draft, now=now, submission=key
    )


async def test_pat18_a_thread_without_a_name_is_of_an_actor_that_leads_nowhere(
    conn: Connection,
) -> None:
    place, _, rosa = await scene(conn)
    post = await unnamed(conn, rosa, place, "form")
    assert post.author_id != rosa.id
    assert (await unnamed(conn, rosa, place, "form")).id == post.id
    name = await read_unfiltered(conn, post.author_id)
    assert name
    assert aliases.is_alias_name(name.name)
    assert name.display_name.startswith("A member ")
    assert rosa.name not in f"{name.uri} {name.name} {name.url} {name.summary_html}"
    assert await read_person(conn, NOBODY, name.name)
    draft = factories.make_draft("", "Thank you.")
    reply = await aliases.reply_unnamed(conn, FRESH, rosa, post, draft, now=tick() + LATER)
    assert reply.author_id == post.author_id
    shown = await threads.read_thread(conn, NOBODY, post.id, limit=10)
    assert [one.is_alias for one in shown] == [True, True]


async def test_pat18_a_new_account_a_fourth_name_and_a_community_that_refuses(
    conn: Connection,
) -> None:
    place, owner, rosa = await scene(conn)
    draft = factories.make_draft("Hello", "You.")
    with pytest.raises(Invalid, match="too_new_for_alias"):
        await aliases.start_unnamed_thread(conn, FRESH, rosa, place, draft, now=tick())
    made = [await unnamed(conn, rosa, place) for _ in range(3)]
    with pytest.raises(Invalid, match="too_many_aliases"):
        await unnamed(conn, rosa, place)
    await aliases.end_name(conn, rosa, made[0].author_id, tick())
    await unnamed(conn, rosa, place)
    await aliases.end_name(conn, rosa, made[1].author_id, tick())
    with pytest.raises(NotAllowed, match="not_a_moderator"):
        await aliases.allow(conn, rosa, place, allowed=False)
    await aliases.allow(conn, owner, place, allowed=False)
    with pytest.raises(NotAllowed, match="no_aliases"):
        await unnamed(conn, rosa, place)


async def test_pat18_who_may_not_write_may_not_write_without_a_name(conn: Connection) -> None:
    place, owner, rosa = await scene(conn)
    post = await unnamed(conn, rosa, place)
    name = await read_unfiltered(conn, post.author_id)
    assert name
    await moderation.stop_member(conn, owner, place, name, factories.far_future(), "rude", tick())
    draft = factories.make_draft("", "More.")
    for attempt in (
        aliases.reply_unnamed(conn, FRESH, rosa, post, draft, now=tick() + LATER),
        unnamed(conn, rosa, place),
        make_thread(conn, rosa, place),
    ):
        with pytest.raises(NotAllowed, match="stopped"):
            await attempt
    acts = await modlog.list_acts(conn, Viewer(owner.id), place.id)
    assert rosa.name not in repr(acts)


async def test_pat18_the_list_of_who_cannot_post_says_the_name_that_was_stopped(
    conn: Connection,
) -> None:
    place, owner, rosa = await scene(conn)
    post, now = await unnamed(conn, rosa, place), tick()
    name = await read_unfiltered(conn, post.author_id)
    assert name
    until = factories.far_future()
    await moderation.stop_member(conn, owner, place, name, until, "rude", now)
    await moderation.let_member(conn, owner, place, rosa, "", now)  # who guesses learns nothing
    listed = await memberships.list_stopped(conn, Viewer(owner.id), place.id, now)
    assert [line.actor_id for line in listed] == [name.id]
    members = await memberships.list_members(conn, Viewer(owner.id), place.id)
    assert {line.stopped_until for line in members} == {None}
    await moderation.let_member(conn, owner, place, name, "", now)
    await make_thread(conn, rosa, place)


async def test_pat18_who_was_stopped_under_a_name_stays_so_when_its_thread_is_erased(
    conn: Connection,
) -> None:
    place, owner, rosa = await scene(conn)
    post, until = await unnamed(conn, rosa, place), factories.far_future()
    name = await read_unfiltered(conn, post.author_id)
    assert name
    await moderation.stop_member(conn, owner, place, name, until, "rude", tick())
    await erase_post(conn, name, post, now=tick())
    with pytest.raises(NotAllowed, match="stopped"):
        await make_thread(conn, rosa, place)
    await stored.forget_over(conn, until)
    assert await stored.owner_unfiltered(conn, name.id) is None


async def test_pat18_only_a_home_moderator_learns_who_it_is_and_the_log_says_so(
    conn: Connection,
) -> None:
    place, owner, rosa = await scene(conn)
    post = await unnamed(conn, rosa, place)
    with pytest.raises(NotAllowed, match="not_a_moderator"):
        await aliases.see_name(conn, rosa, post, "curious", tick())
    with pytest.raises(Invalid, match="empty"):
        await aliases.see_name(conn, owner, post, " ", tick())
    seen = await aliases.see_name(conn, owner, post, "a threat", tick())
    assert seen.id == rosa.id
    acts = await modlog.list_acts(conn, Viewer(owner.id), place.id)
    assert [(act.action, act.reason) for act in acts] == [("see_alias", "a threat")]


async def test_pat18_a_block_of_one_name_tells_nothing_of_the_others(conn: Connection) -> None:
    place, _, rosa = await scene(conn)
    timo = await make_person(conn)
    await join(conn, place, timo)
    first, second = await unnamed(conn, rosa, place), await unnamed(conn, rosa, place)
    own = await make_thread(conn, rosa, place)
    name = await read_unfiltered(conn, first.author_id)
    assert name
    await moderation.block_person(conn, timo, name, tick())
    timos = Viewer(timo.id)
    seen = [await threads.read_post(conn, timos, post.id) for post in (first, second, own)]
    assert [post is not None for post in seen] == [False, True, True]
    assert await read_person(conn, Viewer(timo.id), rosa.name) is not None


async def test_pat18_who_is_blocked_under_one_name_answers_under_no_other(
    conn: Connection,
) -> None:
    place, _, rosa = await scene(conn)
    timo = await make_person(conn)
    await join(conn, place, timo)
    first, his = await unnamed(conn, rosa, place), await make_thread(conn, timo, place)
    name = await read_unfiltered(conn, first.author_id)
    assert name
    await moderation.block_person(conn, timo, name, tick())
    assert await threads.read_post(conn, Viewer(rosa.id), his.id) is None
    draft = factories.make_draft("", "Hello.")
    with pytest.raises(NotAllowed, match="blocked"):
        await aliases.reply_unnamed(conn, FRESH, rosa, his, draft, now=tick() + LATER)
    with pytest.raises(NotAllowed, match="blocked"):
        await reply(conn, factories.SITE, rosa, his, draft, now=tick())


async def test_pat18_whoever_somebody_blocks_cannot_find_their_names_by_what_vanishes(
    conn: Connection,
) -> None:
    place, _, rosa = await scene(conn)
    timo = await make_person(conn)
    await join(conn, place, timo)
    unsigned, own = await unnamed(conn, rosa, place), await make_thread(conn, rosa, place)
    await moderation.block_person(conn, rosa, timo, tick())
    assert await threads.read_post(conn, Viewer(timo.id), own.id) is None
    assert await threads.read_post(conn, Viewer(timo.id), unsigned.id) is not None
    name = await read_unfiltered(conn, unsigned.author_id)
    assert name
    assert await read_person(conn, Viewer(timo.id), name.name) is not None
    draft = factories.make_draft("", "Hello.")
    answer = await reply(conn, factories.SITE, timo, unsigned, draft, now=tick())
    assert await threads.read_post(conn, Viewer(rosa.id), answer.id) is None


async def test_pat18_erasing_the_thread_destroys_what_led_to_the_person(conn: Connection) -> None:
    place, owner, rosa = await scene(conn)
    post = await unnamed(conn, rosa, place)
    name = await aliases.own_name(conn, rosa, post.author_id)
    assert name.id == post.author_id
    assert (await aliases.own_name(conn, owner, post.author_id)).id == owner.id
    await erase_post(conn, name, post, now=tick())
    assert await stored.owner_unfiltered(conn, name.id) is None
    assert await conn.fetchval("select count(*) from aliases where owner_id = $1", rosa.id) == 0


async def test_pat18_a_suspended_account_is_gone_under_every_name(conn: Connection) -> None:
    place, _, rosa = await scene(conn)
    post = await unnamed(conn, rosa, place)
    admin = await factories.make_admin(conn)
    await accounts.suspend_account(conn, admin, rosa.id, "spam", tick())
    assert await threads.read_post(conn, NOBODY, post.id) is None


async def test_a_mute_holds_for_one_name_only_since_it_may_not_tell_more(conn: Connection) -> None:
    place, _, rosa = await scene(conn)
    timo = await make_person(conn)
    await join(conn, place, timo)
    post, own = await unnamed(conn, rosa, place), await make_thread(conn, rosa, place)
    name = await read_unfiltered(conn, post.author_id)
    assert name
    await mutes.mute_person(conn, timo, name, now=tick())
    lines = await threads.list_threads(conn, Viewer(timo.id), place.id, limit=9)
    assert [line.id for line in lines] == [own.id]


async def test_pat18_who_took_back_that_posts_travel_changes_none_under_another_name(
    conn: Connection,
) -> None:
    place, _, rosa = await scene(conn)
    post = await unnamed(conn, rosa, place)
    name = await aliases.own_name(conn, rosa, post.author_id)
    await consents.give(conn, rosa.id, "federation", now=tick())
    await consents.withdraw(conn, rosa.id, "federation", now=tick())
    with pytest.raises(NotAllowed, match="federation_withdrawn"):
        await edit_post(conn, name, post, factories.make_draft("Am I?", "No."), now=tick())


async def test_pat18_nobody_supports_reports_or_answers_the_question_of_their_own_name(
    conn: Connection,
) -> None:
    place, owner, rosa = await scene(conn)
    asked = replace(
        factories.make_draft("Where?", "Vote."),
        poll=PollDraft(("Here", "There"), is_many=False, ends_at=factories.far_future()),
    )
    now = tick() + LATER
    post = await aliases.start_unnamed_thread(conn, FRESH, rosa, place, asked, now=now)
    own = await make_thread(conn, rosa, place)
    for mine in (post, own):
        with pytest.raises(NotAllowed, match="own_support"):
            await support.give(conn, rosa, mine, now=tick())
        with pytest.raises(NotAllowed, match="yourself"):
            await moderation.report(conn, rosa, mine, "spam", tick())
    with pytest.raises(NotAllowed, match="own_poll"):
        await polls.vote(conn, rosa, post, [0], now=now)
    assert await support.give(conn, owner, post, now=tick())
    assert await polls.vote(conn, owner, post, [0], now=now)


async def test_pat18_a_name_that_counts_is_listed_also_where_its_thread_is_not_shown(
    conn: Connection,
) -> None:
    place, owner, rosa = await scene(conn)
    post, shown = await unnamed(conn, rosa, place), await unnamed(conn, rosa, place)
    await moderation.remove_post(conn, owner, post, "not here", tick())
    listed = await stored.list_own(conn, Viewer(rosa.id))
    assert [(one.actor_id, one.thread_id) for one in listed] == [
        (shown.author_id, shown.id),
        (post.author_id, None),
    ]
    assert len(listed) == await stored.count_live(conn, rosa.id)
    assert await stored.list_own(conn, Viewer(owner.id)) == []


async def test_pat18_what_a_moderator_may_do_to_a_name_tells_nothing_of_the_person(
    conn: Connection,
) -> None:
    place, owner, rosa = await scene(conn)
    other = await make_person(conn)
    await join(conn, place, other, role="moderator")
    for person in (owner, rosa):
        post = await unnamed(conn, person, place)
        name = await aliases.own_name(conn, person, post.author_id)
        until = factories.far_future()
        await moderation.stop_member(conn, other, place, name, until, "rude", tick())
        assert await moderation.read_stop(conn, place, name) == moderation.Stop(until)
        assert await moderation.read_stop(conn, place, person) == moderation.Stop(None)
        with pytest.raises(NotAllowed, match="stopped"):
            await make_thread(conn, person, place)
        await moderation.let_member(conn, other, place, name, "", tick())
        assert await moderation.read_stop(conn, place, name) == moderation.Stop(None)


async def test_pat18_a_moderator_sees_no_report_of_what_they_wrote_under_a_name(
    conn: Connection,
) -> None:
    place, owner, rosa = await scene(conn)
    helper = await make_moderator(conn, place)
    post = await unnamed(conn, helper, place)
    await moderation.report(conn, rosa, post, "harsh", tick())
    [report] = await reports.list_open(conn, Viewer(owner.id))
    assert await reports.list_open(conn, Viewer(helper.id)) == []
    assert await reports.read_report(conn, Viewer(helper.id), report.id) is None
    assert await reports.read_report(conn, Viewer(owner.id), report.id) is not None


async def test_pat18_who_was_stopped_under_a_name_sees_it_where_they_would_write(
    conn: Connection,
) -> None:
    place, owner, rosa = await scene(conn)
    post, until = await unnamed(conn, rosa, place), factories.far_future()
    name = await read_unfiltered(conn, post.author_id)
    assert name
    await moderation.stop_member(conn, owner, place, name, until, "rude", tick())
    seen = await communities.read_view(conn, Viewer(rosa.id), place.id)
    assert seen is not None
    assert seen.my_stopped_until == until
    assert (await communities.read_view(conn, Viewer(owner.id), place.id)) != seen
