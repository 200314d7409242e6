from __future__ import annotations

from datetime import timedelta

import pytest

from forum import policy
from forum.errors import Invalid, NotAllowed
from storage import activities, actors, deliveries, destinations, instances, threads
from storage import site as sites
from storage.activities import Activity
from storage.audience import (
    NOBODY,
    Recipient,
    Viewer,
    recipients_in_thread,
    recipients_of_community,
    recipients_of_retraction,
)
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


TWINS = (
    ("there.test", {}),
    ("there.test", {"there.test": "allowed"}),
    ("there.test", {"there.test": "refused"}),
    ("new.there.test", {"there.test": "refused"}),
    ("a.new.there.test", {"there.test": "refused", "a.new.there.test": "allowed"}),
    ("new.there.test", {"there.test": "allowed"}),
    ("new.there.test", {"there.test": "allowed", "new.there.test": "refused"}),
    ("notthere.test", {"there.test": "refused"}),
    ("there.test", {"new.there.test": "refused"}),
    ("there.test:8443", {"there.test:8443": "allowed"}),
    ("new.there.test:8443", {"there.test:8443": "refused"}),
    ("there.test", {"test": "refused"}),
)


@pytest.mark.parametrize("mode", [None, *policy.MODES])
@pytest.mark.parametrize(("host", "decided"), TWINS)
async def test_the_database_admits_whom_the_rule_admits(
    conn: Connection, mode: str | None, host: str, decided: dict[str, str]
) -> None:
    await factories.make_site(conn)
    await conn.execute("update site set federation_mode = $1", mode)
    for name, decision in decided.items():
        await conn.execute("insert into instances (host, policy) values ($1, $2)", name, decision)
    admitted = await conn.fetch("select * from admitted($1)", host)
    may = policy.may_federate(await instances.read_standing(conn, host))
    assert [row[0] for row in admitted] == ([host] if may else [])
    refused = any(
        decision == "refused" and (host == name or host.endswith(f".{name}"))
        for name, decision in decided.items()
    )
    named = decided.get(host) == "allowed"
    assert may == (not refused and (mode == "open" or (mode == "named" and named)))


async def test_nothing_goes_to_a_part_of_a_blocked_server_that_was_met_later(
    conn: Connection,
) -> None:
    """Its block came first, so no row says that this very server is refused."""
    await factories.make_site(conn)
    community = await factories.make_community(conn)
    part = await factories.make_remote_person(conn, host="new.there.test")
    await factories.join(conn, community, part)
    thread = await factories.make_thread(conn, part, community)
    await conn.execute("insert into instances (host, policy) values ('there.test', 'refused')")
    person = await factories.make_person(conn)
    asking = Viewer(host=part.host)
    assert await actors.read_person(conn, asking, person.name) is None
    assert await actors.read_person_by_id(conn, asking, person.id) is None
    assert await threads.read_post(conn, asking, thread.id) is None
    assert await recipients_of_community(conn, community.id) == []
    assert await recipients_of_retraction(conn, community.id) == []
    assert await recipients_in_thread(conn, thread.id) == []
    activity = Activity(1, "https://here.test/ap/activities/1", community.id, "Accept", None, b"a")
    await activities.insert(conn, activity)
    await deliveries.queue(conn, 1, part.id, [Recipient(part.inbox, part.host, None)], tick())
    assert await destinations.lease_hosts(conn, "x", tick(), timedelta(seconds=60), limit=9) == []


async def test_what_waits_for_a_server_and_its_parts_goes_with_the_block(conn: Connection) -> None:
    await factories.make_site(conn)
    admin = await factories.make_admin(conn)
    activity = Activity(1, "https://here.test/ap/activities/1", admin.actor_id, "Accept", None, b"")
    await activities.insert(conn, activity)
    hosts = ("there.test", "forum.there.test", "notthere.test")
    takers = [Recipient(f"https://{host}/inbox", host, None) for host in hosts]
    await deliveries.queue(conn, 1, 1, takers, tick())
    await policy.block_server(conn, admin, "there.test", "spam", tick())
    left = await conn.fetch("select host from deliveries")
    assert [row["host"] for row in left] == ["notthere.test"]


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


async def test_r63_a_named_server_is_federated_with_when_only_those_are(conn: Connection) -> None:
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
