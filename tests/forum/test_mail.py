"""Which mail is queued for whom, before anything is sent."""

from __future__ import annotations

from datetime import datetime

import pytest

from forum import mail, membership
from forum.erasing import RECEIPT_KEPT
from storage import erasures, messages
from storage.actors import Actor
from storage.db import Connection
from tests.factories import join, make_community, make_person, make_site, tick


async def make_reachable(conn: Connection, name: str, *, wants: bool = True) -> Actor:
    """Somebody with an address, who wants to hear of what is new, or not."""
    person = await make_person(conn, name)
    await conn.execute(
        "update accounts set email = $2, email_confirmed_at = now() where actor_id = $1",
        person.id, f"{name}@there.test",
    )  # fmt: skip
    await messages.choose_mail(conn, person.id, tick(), wants=wants)
    return person


async def make_receipt(conn: Connection, person: Actor, number: int, *states: str) -> datetime:
    now = tick()
    erasure_id, _ = await erasures.begin(conn, "post", person.id, now, RECEIPT_KEPT)
    await conn.execute(
        "insert into activities (id, uri, actor_id, type, body) values ($1, $2, $3, 'Delete', '')",
        number, f"https://here.test/{number}", person.id,
    )  # fmt: skip
    for place, state in enumerate(states):
        await conn.execute(
            "insert into erasure_hosts (erasure_id, activity_id, host, state)"
            " values ($1, $2, $3, $4)",
            erasure_id, number, f"there{place}.test", state,
        )  # fmt: skip
    await erasures.finish(conn, erasure_id, now)
    return now


async def queued(conn: Connection) -> list[tuple[str, str]]:
    rows = await conn.fetch("select address, kind from mails order by id")
    return [(row["address"], row["kind"]) for row in rows]


async def test_pat05_who_wants_mail_is_told_once_that_all_servers_have_answered(
    conn: Connection,
) -> None:
    ada, eve = await make_reachable(conn, "ada"), await make_reachable(conn, "eve", wants=False)
    await make_receipt(conn, ada, 1, "confirmed", "waiting")
    await make_receipt(conn, ada, 2)  # nobody was told of it
    await make_receipt(conn, eve, 3, "confirmed")
    await mail.tell_of_answers(conn, tick())
    assert await queued(conn) == []
    await conn.execute("update erasure_hosts set state = 'gave_up' where state = 'waiting'")
    await make_receipt(conn, ada, 4, "told")
    for _ in range(2):
        await mail.tell_of_answers(conn, tick())
    assert await queued(conn) == [("ada@there.test", "receipt_changed")]


async def test_pat14_a_decision_is_told_by_mail_without_where_or_what(conn: Connection) -> None:
    await make_site(conn)
    owner = await make_person(conn)
    place = await make_community(conn, owner, name="marfan_friends", joining="apply")
    ada, eve = await make_reachable(conn, "ada"), await make_reachable(conn, "eve")
    for person in (ada, eve):
        await join(conn, place, person, state="asked")
    await membership.accept_member(conn, place, owner, ada, tick())
    await membership.refuse_member(conn, place, owner, eve, "not here", tick())
    links = await conn.fetch("select kind, data ->> 'link' from mails")
    assert {tuple(row) for row in links} == {
        ("membership_decided", "https://here.test/communities")
    }
    assert len(links) == 2


@pytest.mark.parametrize("wants", [True, False])
async def test_what_is_new_is_told_by_mail_to_who_chose_that(conn: Connection, wants: bool) -> None:
    ada = await make_reachable(conn, "ada", wants=wants)
    link = "https://here.test/settings/export"
    await mail.tell_if_wanted(conn, ada.id, "export_ready", link=link, now=tick())
    assert bool(await queued(conn)) is wants


@pytest.mark.parametrize(
    ("name", "address", "is_alike"),
    [
        ("ada_lovelace", "ada.lovelace@there.test", True),
        ("ada_lovelace", "AdaLovelace1815+forum@there.test", True),
        ("rosa_1990", "rosa.mueller@there.test", True),
        ("river", "rosa.mueller@there.test", False),
        ("ada", "adalbert@there.test", False),
        ("mountain_lake", "x@mountainlake.test", False),
    ],
)
def test_a_name_that_an_address_gives_away_is_noticed(
    name: str, address: str, is_alike: bool
) -> None:
    assert mail.looks_alike(name, address) is is_alike
