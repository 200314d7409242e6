"""Who reads what is written: said before, and never widened after."""

from __future__ import annotations

import pytest

from forum import consents
from forum.editing import edit_post
from forum.errors import Conflict, NotAllowed
from forum.reach import ANY_SERVER, reach_of, read_reach, require_shown, was_shown
from storage.audience import NOBODY, UNKNOWN_SERVER, Viewer, recipients_of_community
from storage.communities import set_hosts
from storage.db import Connection
from storage.threads import read_post
from tests.factories import (
    join,
    make_community,
    make_draft,
    make_person,
    make_remote_person,
    make_thread,
    reread,
    tick,
)


async def test_pat01_an_edit_never_widens(conn: Connection) -> None:
    author, outsider = await make_person(conn), await make_person(conn)
    community = await make_community(
        conn, author, readers="members", travels="named", hosts=("there.test",)
    )
    post = await make_thread(conn, author, community)
    await conn.execute(
        "update communities set readers = 'anyone', travels = 'anywhere', indexed = true"
    )
    edited = await edit_post(conn, author, post, make_draft("Now", "Other words."), now=tick())
    assert (edited.audience, edited.community_id) == ("community", community.id)
    for viewer in (NOBODY, UNKNOWN_SERVER, Viewer(outsider.id), Viewer(host="there.test")):
        assert await read_post(conn, viewer, post.id) is None
    assert await read_post(conn, Viewer(author.id), post.id) is not None


async def test_pat01_the_servers_named_are_those_that_a_delivery_goes_to(conn: Connection) -> None:
    community = await make_community(conn, travels="named", hosts=("a.test", "b.test", "off.test"))
    for host in ("a.test", "a.test", "b.test", "off.test", "other.test"):
        await join(conn, community, await make_remote_person(conn, host=host))
    await join(conn, community, await make_remote_person(conn, host="b.test"), state="asked")
    await conn.execute("update instances set policy = 'refused' where host = 'off.test'")
    await conn.execute(
        "insert into instances (host, policy) values ('off.test', 'refused')"
        " on conflict (host) do update set policy = 'refused'"
    )
    await conn.execute("update site set federation_mode = 'open'")
    said = (await read_reach(conn, community)).receiving
    sent = {taker.host for taker in await recipients_of_community(conn, community.id)}
    assert set(said) == sent == {"a.test", "b.test"}


async def test_pat01_what_grew_is_asked_and_what_shrank_is_not(conn: Connection) -> None:
    community = await make_community(conn, travels="named", hosts=("a.test",))
    shown = (await read_reach(conn, community)).shown
    await require_shown(conn, community, shown)
    await set_hosts(conn, community.id, ["a.test", "b.test"])
    with pytest.raises(Conflict, match="reach_changed"):
        await require_shown(conn, community, shown)
    both = (await read_reach(conn, await reread(conn, community))).shown
    await set_hosts(conn, community.id, ["b.test"])
    await require_shown(conn, community, both)
    other = await make_community(conn, travels="named", hosts=("a.test",))
    with pytest.raises(Conflict, match="reach_changed"):
        await require_shown(conn, other, shown)


async def test_pat01_who_was_told_of_any_server_was_told_of_each(conn: Connection) -> None:
    community = await make_community(conn)
    anywhere = reach_of(community, named=[], receiving=[])
    assert ANY_SERVER in anywhere.kinds
    named = reach_of(community, named=["a.test"], receiving=[])
    assert was_shown(named, anywhere.shown)
    assert not anywhere.can_take_back


async def test_pat04_nobody_edits_what_travels_after_taking_their_consent_back(
    conn: Connection,
) -> None:
    author = await make_person(conn)
    post = await make_thread(conn, author, await make_community(conn, author))
    near = await make_community(conn, author, travels="nowhere")
    kept = await make_thread(conn, author, near)
    await consents.withdraw(conn, author.id, "federation", now=tick())
    with pytest.raises(NotAllowed, match="federation_withdrawn"):
        await edit_post(conn, author, post, make_draft("Now", "Other words."), now=tick())
    await edit_post(conn, author, kept, make_draft("Now", "Other words."), now=tick())
