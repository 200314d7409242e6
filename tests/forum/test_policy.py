from __future__ import annotations

import pytest

from forum import policy
from forum.errors import Invalid, NotAllowed
from storage import instances, threads
from storage import site as sites
from storage.audience import NOBODY, recipients_of_community
from storage.db import Connection
from storage.instances import Standing
from tests import factories
from tests.factories import tick


@pytest.mark.parametrize(
    ("mode", "default", "allowed"),
    [(None, False, False), ("nobody", False, False), ("named", False, True), ("open", True, True)],
)
def test_the_mode_and_its_exceptions_decide(mode, default, allowed) -> None:
    assert policy.may_federate(Standing("there.test", "default", mode)) == default
    assert policy.may_federate(Standing("there.test", "allowed", mode)) == allowed
    assert not policy.may_federate(Standing("there.test", "refused", mode))


async def test_a_fresh_server_federates_with_nobody(conn: Connection) -> None:
    with pytest.raises(NotAllowed, match="host_refused"):
        await policy.require_host(conn, "there.test")


async def test_a_refused_server_is_gone_with_all_its_parts(conn: Connection) -> None:
    await factories.make_site(conn)
    admin = await factories.make_admin(conn)
    community = await factories.make_community(conn)
    people = [
        await factories.make_remote_person(conn, host=host)
        for host in ("there.test", "forum.there.test", "notthere.test")
    ]
    posts = []
    for person in people:
        await factories.join(conn, community, person)
        posts.append(await factories.make_thread(conn, person, community))
    epoch = (await sites.read_site(conn)).epoch
    await policy.block_server(conn, admin, "There.test", "spam", tick())
    seen = [await threads.read_post(conn, NOBODY, post.id) for post in posts]
    assert [post is not None for post in seen] == [False, False, True]
    for host in ("there.test", "forum.there.test", "new.there.test"):
        with pytest.raises(NotAllowed):
            await policy.require_host(conn, host)
    await policy.require_host(conn, "notthere.test")
    recipients = await recipients_of_community(conn, community.id)
    assert [recipient.host for recipient in recipients] == ["notthere.test"]
    assert (await sites.read_site(conn)).epoch > epoch
    await policy.unblock_server(conn, admin, "there.test", "sorry", tick())
    seen = [await threads.read_post(conn, NOBODY, post.id) for post in posts]
    assert all(seen)
    acts = await conn.fetch("select action, host, reason from modlog order by id")
    assert [tuple(act) for act in acts] == [
        ("block_server", "there.test", "spam"),
        ("unblock_server", "there.test", "sorry"),
    ]


async def test_a_named_server_is_federated_with_when_only_those_are(conn: Connection) -> None:
    await factories.make_site(conn)
    admin = await factories.make_admin(conn)
    await policy.set_mode(conn, admin, "named", tick())
    with pytest.raises(NotAllowed):
        await policy.require_host(conn, "there.test")
    await policy.allow_server(conn, admin, "there.test", "friends", tick())
    await policy.require_host(conn, "there.test")


async def test_only_an_administrator_decides(conn: Connection) -> None:
    member = factories.member_of(await factories.make_person(conn), role="moderator")
    with pytest.raises(NotAllowed, match="not_an_admin"):
        await policy.set_mode(conn, member, "open", tick())
    with pytest.raises(NotAllowed, match="not_an_admin"):
        await policy.block_server(conn, member, "there.test", "", tick())


@pytest.mark.parametrize("host", ["", "a b", "http://x", "x/y", "-x.test", "x" * 254, "x:999999"])
def test_what_is_no_host_is_refused(host: str) -> None:
    with pytest.raises(Invalid):
        policy.check_host(host)


def test_a_host_is_taken_as_people_paste_it() -> None:
    assert policy.check_host(" https://There.Test/ ") == "there.test"
    assert policy.check_host("localhost:8001") == "localhost:8001"


async def test_a_sign_of_life_is_written_once_an_hour(conn: Connection) -> None:
    now = tick()
    await instances.note_alive(conn, "there.test", now)
    await instances.note_alive(conn, "there.test", tick())
    row = await instances.read_instance(conn, "there.test")
    assert row
    assert row.last_alive_at == now


async def test_software_is_remembered(conn: Connection) -> None:
    now = tick()
    await instances.save_software(conn, "there.test", "lemmy", "0.19", now)
    row = await instances.read_instance(conn, "There.test")
    assert row
    assert (row.software, row.version, row.software_checked_at) == ("lemmy", "0.19", now)
