from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from statistics import median

import pytest

from forum import accounts, passwords
from forum.errors import Conflict, Invalid, NotAllowed
from storage import accounts as stored
from storage import sessions, threads
from storage.audience import NOBODY
from storage.db import Connection, Database
from storage.keys import read_signing_key
from storage.sessions import Member
from tests import factories
from tests.factories import KEYPAIR, PASSWORD, PASSWORD_HASH, SITE, make_person, tick


async def sign_up(conn: Connection, name: str):
    return await accounts.sign_up(
        conn, SITE, name=name, password_hash=PASSWORD_HASH, keypair=KEYPAIR, now=tick()
    )


async def test_a_new_person_has_an_actor_that_other_servers_can_check(conn: Connection) -> None:
    person = await make_person(conn, "Zebra_1")
    assert person.name == "zebra_1"
    assert person.uri == f"https://here.test/ap/actors/{person.id}"
    assert person.url == "https://here.test/u/zebra_1"
    key = await read_signing_key(conn, person.id)
    assert key
    assert key.uri == f"{person.uri}#main-key"


async def test_a_name_is_taken_once_in_any_spelling_and_by_whomever(conn: Connection) -> None:
    await make_person(conn, "stripes")
    with pytest.raises(Conflict, match="name_taken"):
        await make_person(conn, "STRIPES")
    with pytest.raises(Conflict, match="name_taken"):
        await factories.make_community(conn, name="stripes")


async def test_of_many_who_want_a_name_one_gets_it(database: Database) -> None:
    async def take() -> bool:
        try:
            async with database.write() as conn:
                await make_person(conn, "popular")
        except Conflict:
            return False
        return True

    assert sum(await asyncio.gather(*(take() for _ in range(5)))) == 1


@pytest.mark.parametrize("name", ["", "a", "x" * 31, "with space", "ümlaut", "a-b", "a.b", "a@b"])
def test_what_is_no_name_is_said_beside_the_field(name: str) -> None:
    with pytest.raises(Invalid) as refusal:
        accounts.check_name(name)
    assert refusal.value.field == "name"


@pytest.mark.parametrize(("password", "code"), [("short", "too_short"), ("x" * 201, "too_long")])
def test_a_password_is_neither_short_nor_endless(password: str, code: str) -> None:
    with pytest.raises(Invalid, match=code):
        accounts.check_password(password)
    accounts.check_password(PASSWORD)


async def test_sign_up_does_what_the_administrator_decided(conn: Connection) -> None:
    await factories.make_site(conn, signup="closed")
    with pytest.raises(NotAllowed, match="signup_closed"):
        await sign_up(conn, "zebra")
    await conn.execute("update site set signup = 'approval'")
    person = await sign_up(conn, "zebra")
    token = await accounts.sign_in(conn, "zebra", PASSWORD, tick())
    member = await sessions.read_member(conn, token, tick())
    assert member
    assert (member.actor_id, member.state) == (person.id, "waiting")
    admin = await factories.make_admin(conn)
    await accounts.let_in(conn, admin, person.id, tick())
    member = await sessions.read_member(conn, token, tick())
    assert member
    assert member.state == "open"
    with pytest.raises(Invalid, match="name_reserved"):
        await sign_up(conn, "admin")


async def test_an_unknown_name_and_a_wrong_password_are_answered_alike(conn: Connection) -> None:
    await make_person(conn, "zebra")
    refusals = []
    for name, password in (("zebra", "wrong password"), ("nobody_here", PASSWORD)):
        with pytest.raises(NotAllowed) as refusal:
            await accounts.sign_in(conn, name, password, tick())
        refusals.append(refusal.value.code)
    assert refusals == ["wrong_sign_in"] * 2


async def test_aut_05_an_unknown_name_takes_as_long_as_a_wrong_password(conn: Connection) -> None:
    await make_person(conn, "zebra")
    seconds: dict[str, list[float]] = {"zebra": [], "nobody_here": []}
    for _ in range(5):
        for name, taken in seconds.items():
            begun = time.perf_counter()
            with pytest.raises(NotAllowed):
                await accounts.sign_in(conn, name, "wrong password", tick())
            taken.append(time.perf_counter() - begun)
    assert abs(median(seconds["zebra"]) - median(seconds["nobody_here"])) < 0.05


async def test_a_hash_verifies_its_password_only() -> None:
    hashed = await passwords.hash_password("something long")
    assert await passwords.verify_password(hashed, "something long")
    assert not await passwords.verify_password(hashed, "something else")
    assert not await passwords.verify_password("no hash at all", "something")
    assert hashed.startswith("$argon2id$v=19$m=19456,t=2,p=1$")


async def test_a_suspension_ends_sessions_and_hides_posts(conn: Connection) -> None:
    await factories.make_site(conn)
    admin = await factories.make_admin(conn)
    person = await make_person(conn, "zebra")
    community = await factories.make_community(conn, person)
    thread = await factories.make_thread(conn, person, community)
    token = await accounts.sign_in(conn, "zebra", PASSWORD, tick())
    await accounts.suspend_account(conn, admin, person.id, "spam", tick())
    assert await sessions.read_member(conn, token, tick()) is None
    assert await threads.read_post(conn, NOBODY, thread.id) is None
    with pytest.raises(NotAllowed, match="suspended"):
        await accounts.sign_in(conn, "zebra", PASSWORD, tick())
    await accounts.unsuspend_account(conn, admin, person.id, "sorry", tick())
    assert await threads.read_post(conn, NOBODY, thread.id) == thread
    assert await sessions.read_member(conn, token, tick()) is None


async def test_only_administrators_suspend_and_never_themselves(conn: Connection) -> None:
    admin = await factories.make_admin(conn)
    person = await make_person(conn)
    moderator = factories.member_of(person, role="moderator")
    with pytest.raises(NotAllowed, match="not_an_admin"):
        await accounts.suspend_account(conn, moderator, admin.actor_id, "", tick())
    with pytest.raises(NotAllowed, match="yourself"):
        await accounts.suspend_account(conn, admin, admin.actor_id, "", tick())


@pytest.mark.parametrize("state", ["open", "waiting"])
async def test_the_end_of_a_suspension_lets_nobody_in_who_waited(
    conn: Connection, state: str
) -> None:
    admin = await factories.make_admin(conn)
    person = await make_person(conn, "zebra", state=state)
    for _ in range(2):  # the second time changes nothing
        await accounts.suspend_account(conn, admin, person.id, "spam", tick())
    await accounts.unsuspend_account(conn, admin, person.id, "sorry", tick())
    account = await stored.read_account(conn, person.id)
    assert account is not None
    assert account.state == state


async def test_of_two_administrators_who_shut_each_other_out_at_once_one_stays(
    database: Database,
) -> None:
    async with database.write() as conn:
        await factories.make_site(conn)
        both = [await factories.make_admin(conn) for _ in range(2)]

    async def suspend(by: Member, whom: Member) -> None:
        async with database.write() as conn:
            await accounts.suspend_account(conn, by, whom.actor_id, "", tick())

    done = await asyncio.gather(
        suspend(both[0], both[1]), suspend(both[1], both[0]), return_exceptions=True
    )
    assert sorted(type(one).__name__ for one in done) == ["NoneType", "NotAllowed"]
    async with database.write() as conn:
        assert len(await stored.lock_admins(conn)) == 1


async def test_aut_02_whoever_gets_another_role_signs_in_anew(conn: Connection) -> None:
    admin = await factories.make_admin(conn)
    person = await make_person(conn, "zebra")
    for role in ("admin", "moderator", "member"):
        token = await accounts.sign_in(conn, "zebra", PASSWORD, tick())
        await accounts.change_role(conn, admin, person.id, role, tick())
        assert await sessions.read_member(conn, token, tick()) is None
        again = await accounts.sign_in(conn, "zebra", PASSWORD, tick())
        member = await sessions.read_member(conn, again, tick())
        assert member is not None
        assert member.role == role
    logged = await conn.fetch("select action, actor_id, reason from modlog order by id")
    assert [tuple(row) for row in logged] == [
        ("set_role", person.id, role) for role in ("admin", "moderator", "member")
    ]


async def test_the_same_role_again_signs_nobody_out(conn: Connection) -> None:
    admin = await factories.make_admin(conn)
    person = await make_person(conn, "zebra")
    token = await accounts.sign_in(conn, "zebra", PASSWORD, tick())
    await accounts.change_role(conn, admin, person.id, "member", tick())
    assert await sessions.read_member(conn, token, tick()) is not None


async def test_only_administrators_give_roles_and_the_last_one_stays(conn: Connection) -> None:
    admin = await factories.make_admin(conn)
    person = await make_person(conn, "zebra")
    with pytest.raises(NotAllowed, match="last_admin"):
        await accounts.change_role(conn, admin, admin.actor_id, "member", tick())
    with pytest.raises(NotAllowed, match="not_an_admin"):
        await accounts.change_role(conn, factories.member_of(person), person.id, "admin", tick())
    with pytest.raises(Invalid, match="choose_one"):
        await accounts.change_role(conn, admin, person.id, "king", tick())


async def test_a_new_password_ends_every_session(conn: Connection) -> None:
    person = await make_person(conn, "zebra")
    tokens = [await accounts.sign_in(conn, "zebra", PASSWORD, tick()) for _ in range(2)]
    await accounts.set_password(conn, person.id, PASSWORD_HASH)
    for token in tokens:
        assert await sessions.read_member(conn, token, tick()) is None


async def test_a_session_ends_by_itself_after_sixty_days(conn: Connection) -> None:
    await make_person(conn, "zebra")
    now = tick()
    token = await accounts.sign_in(conn, "zebra", PASSWORD, now)
    almost = now + timedelta(days=60) - timedelta(seconds=1)
    assert await sessions.read_member(conn, token, almost)
    assert await sessions.read_member(conn, token, now + timedelta(days=60)) is None


async def test_only_a_hash_of_the_session_token_is_stored(conn: Connection) -> None:
    await make_person(conn, "zebra")
    token = await accounts.sign_in(conn, "zebra", PASSWORD, tick())
    row = await conn.fetchrow("select * from sessions")
    assert token.encode() not in row["token_hash"]
    assert token not in str(dict(row))
