"""Closing one's account: what is gone at once, what a worker erases, and what must stay."""

from __future__ import annotations

import pytest

from forum import (
    accounts,
    closing,
    departures,
    editing,
    erasing,
    moderation,
    polls,
    reactions,
    subscriptions,
)
from forum.errors import NotAllowed, NotFound
from storage import edits, memberships, sessions, tokens
from storage.actors import Actor, read_person, read_unfiltered
from storage.audience import NOBODY
from storage.communities import Community
from storage.db import Connection
from storage.threads import Post, read_post
from tests import factories
from tests.factories import (
    PASSWORD,
    join,
    make_community,
    make_draft,
    make_person,
    make_poll,
    make_remote_community,
    make_remote_person,
    make_reply,
    make_thread,
    tick,
)

CANARY = "canary-7f3a"

LIST_TABLES = """
select relname from pg_class
where relnamespace = 'public'::regnamespace and relkind = 'r' order by relname
"""


async def tables_with(conn: Connection, words: str) -> list[str]:
    """The tables in which these words stand, in text or in bytes."""
    found = []
    for row in await conn.fetch(LIST_TABLES):
        kept = await conn.fetchval(
            f"select count(*) from {row['relname']} t where t::text like $1 or t::text like $2",
            f"%{words}%",
            f"%{words.encode().hex()}%",
        )
        found += [row["relname"]] if kept else []
    return found


async def make_life(conn: Connection) -> tuple[Actor, Community, Post]:
    """Somebody of whom everything that can be kept is kept, with a canary in all of it."""
    await factories.make_site(conn)
    person, other = await make_person(conn), await make_person(conn)
    community = await make_community(conn, other)
    await join(conn, community, person)
    thread = await make_thread(conn, person, community, title=CANARY, text=CANARY)
    await editing.edit_post(conn, person, thread, make_draft(CANARY, "now"), now=tick())
    await make_reply(conn, person, await make_thread(conn, other, community), text=CANARY)
    asked = await make_poll(conn, other, community)
    await polls.vote(conn, person, asked, [0], now=tick())
    await make_poll(conn, person, community, CANARY, "No")
    await reactions.react(conn, person, asked, "like", now=tick())
    await moderation.report(conn, person, asked, CANARY, tick())
    await moderation.block_person(conn, person, other, tick())
    await tokens.make(
        conn, "x", account_id=person.id, data={"x": CANARY}, expires_at=factories.far_future()
    )
    await conn.execute(
        "update actors set display_name = $2, summary_html = $2 where id = $1", person.id, CANARY
    )
    await conn.execute(
        "update accounts set email = $2, signup_answer = $2, totp_secret = $3 where actor_id = $1",
        person.id,
        CANARY,
        CANARY.encode(),
    )
    await conn.execute(
        "update memberships set answers = array[$2], stopped_reason = $2, reason = $2"
        " where actor_id = $1",
        person.id,
        CANARY,
    )
    for statement in (
        "insert into mails (id, account_id, address, kind) values (1, $1, $2, 'x')",
        "insert into mutes (owner_id, kind, word) values ($1, 'word', $2)",
        "insert into host_blocks (blocker_id, host) values ($1, $2)",
        "insert into passkeys (id, account_id, public_key, name) values ('x', $1, 'x', $2)",
        "insert into exports (id, account_id, file, expires_at) values (1, $1, $2, now())",
        "insert into consents (account_id, purpose, version, locale, given_at)"
        " values ($1, 'account', 1, $2, now())",
    ):
        await conn.execute(statement, person.id, CANARY)
    return person, community, thread


async def work(conn: Connection) -> None:
    while await departures.go_on(conn, now=tick()):
        pass
    while await closing.go_on(conn, now=tick(), limit=1):
        await conn.execute("delete from events")


async def test_pat05_nothing_that_somebody_left_is_in_any_table(conn: Connection) -> None:
    person, _, _ = await make_life(conn)
    before = await tables_with(conn, CANARY)
    assert {"accounts", "actors", "edits", "mails", "memberships", "posts", "reports"} <= set(
        before
    )
    await closing.close_account(conn, person, tick())
    await work(conn)
    assert await tables_with(conn, CANARY) == []
    for table in ("poll_votes", "reactions"):
        kept = await conn.fetchval(f"select count(*) from {table} where actor_id = $1", person.id)
        assert kept == 0, table


async def test_pat05_who_closed_an_account_is_gone_at_once(conn: Connection) -> None:
    person, community, thread = await make_life(conn)
    token = await sessions.start(conn, person.id, tick())
    await closing.close_account(conn, person, tick())
    assert await sessions.read_member(conn, token, tick()) is None
    assert await read_post(conn, NOBODY, thread.id) is None
    assert await read_person(conn, NOBODY, person.name) is None
    membership = await memberships.read_membership(conn, community.id, person.id)
    assert membership is not None
    assert membership.state == "left"
    with pytest.raises(NotAllowed, match="wrong_sign_in"):
        await accounts.sign_in(conn, person.name, PASSWORD, tick())
    with pytest.raises(NotFound):
        await closing.close_account(conn, person, tick())


async def test_pat05_the_name_is_never_given_again(conn: Connection) -> None:
    person, _, _ = await make_life(conn)
    await closing.close_account(conn, person, tick())
    await work(conn)
    with pytest.raises(Exception, match="name_taken"):
        await make_person(conn, person.name.upper())


async def test_pat05_keys_go_when_nothing_is_left_to_sign(conn: Connection) -> None:
    person, _, _ = await make_life(conn)
    await closing.close_account(conn, person, tick())
    while await departures.go_on(conn, now=tick()):
        pass
    count = "select count(*) from actor_keys where actor_id = $1"
    await closing.go_on(conn, now=tick(), limit=1)
    assert await conn.fetchval(count, person.id) == 2, "posts are still to be told of"
    await conn.execute("delete from events where kind = 'PostErased'")
    assert await closing.go_on(conn, now=tick(), limit=1) == 1
    assert await closing.go_on(conn, now=tick(), limit=1) == 0
    assert await conn.fetchval(count, person.id) == 2, "that they are gone is still to be told"
    await conn.execute("delete from events")
    await conn.execute("update erasures set done_at = now()")
    await closing.go_on(conn, now=tick(), limit=1)
    assert await conn.fetchval(count, person.id) == 0


async def test_pat05_names_for_one_thread_go_with_their_owner(conn: Connection) -> None:
    person, community, _ = await make_life(conn)
    alias = await make_person(conn)
    await join(conn, community, alias)
    hidden = await make_thread(conn, alias, community, text=CANARY)
    await conn.execute("delete from accounts where actor_id = $1", alias.id)
    await conn.execute(
        "insert into aliases (actor_id, owner_id, community_id) values ($1, $2, $3)",
        alias.id,
        person.id,
        community.id,
    )
    secret = await closing.close_account(conn, person, tick())
    receipt = await erasing.read_receipt(conn, secret, tick())
    await work(conn)
    state = await conn.fetchval("select state from posts where id = $1", hidden.id)
    owner = await conn.fetchval("select owner_id from aliases where actor_id = $1", alias.id)
    assert (state, owner) == ("erased", None)
    assert receipt is not None
    assert receipt.posts == 4


async def test_pat05_who_is_gone_already_is_not_closed_again(conn: Connection) -> None:
    person, _, _ = await make_life(conn)
    await closing.close_account(conn, person, tick())
    await closing.close_again(conn, person.id, tick())
    assert await conn.fetchval("select count(*) from erasures where kind = 'account'") == 1


async def test_a_community_goes_to_who_moderated_it_for_longest(conn: Connection) -> None:
    await factories.make_site(conn)
    owner = await make_person(conn)
    community = await make_community(conn, owner)
    first, second = [await factories.make_moderator(conn, community) for _ in range(2)]
    await closing.close_account(conn, owner, tick())
    roles = [
        (await memberships.read_membership(conn, community.id, one.id)).role  # type: ignore[union-attr]
        for one in (first, second)
    ]
    assert roles == ["owner", "moderator"]


async def test_the_last_administrator_cannot_go(conn: Connection) -> None:
    await factories.make_site(conn)
    admin = await make_person(conn, role="admin")
    with pytest.raises(NotAllowed, match="last_admin"):
        await closing.close_account(conn, admin, tick())
    await make_person(conn, role="admin")
    await closing.close_account(conn, admin, tick())


async def test_communities_elsewhere_are_left_in_so_many_words(conn: Connection) -> None:
    await factories.make_site(conn)
    person, away = await make_person(conn), await make_remote_community(conn)
    await join(conn, away, person, follow_uri="https://here.test/f/1")
    await closing.close_account(conn, person, tick())
    told = await conn.fetchval("select payload from events where kind = 'MembershipLeft'")
    assert told["follow_uri"] == "https://here.test/f/1"


async def test_only_people_of_this_server_close_accounts_here(conn: Connection) -> None:
    await factories.make_site(conn)
    with pytest.raises(NotFound):
        await closing.close_account(conn, await make_remote_person(conn), tick())


async def test_replies_of_others_stay_below_an_empty_place(conn: Connection) -> None:
    person, community, thread = await make_life(conn)
    other = await make_person(conn)
    await join(conn, community, other)
    answer = await make_reply(conn, other, thread)
    await closing.close_account(conn, person, tick())
    await work(conn)
    assert await read_post(conn, NOBODY, answer.id) is not None
    assert (await read_unfiltered(conn, person.id)).state == "gone"  # type: ignore[union-attr]
    assert await edits.list_edits(conn, NOBODY, thread.id, 10) == []


async def test_the_last_one_who_read_along_elsewhere_ends_it_for_the_server(
    conn: Connection,
) -> None:
    await factories.make_site(conn)
    person, away = await make_person(conn), await make_remote_community(conn)
    reader = await subscriptions.make_reader(conn, factories.SITE, factories.KEYPAIR, tick())
    await subscriptions.subscribe(conn, factories.SITE, away, person, reader, tick())
    await closing.close_account(conn, person, tick())
    told = await conn.fetchval("select payload from events where kind = 'MembershipLeft'")
    assert told["actor_id"] == reader.id
    assert await conn.fetchval("select count(*) from subscriptions") == 0
