"""Mail in the browser: the administrator's test, one's own address, signing in by a link."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from urllib.parse import urlsplit

import pytest

from forum.ports import Services
from server.mailing import Post
from storage import smtp
from storage.actors import Actor
from storage.db import Database
from storage.smtp import Smtp
from tests.factories import PASSWORD, make_person
from tests.post_office import PostOffice, open_post_office
from tests.web.conftest import Browser, SteadyClock
from tests.web.html import Page

Open = Callable[..., Browser]


@pytest.fixture
async def office() -> AsyncIterator[PostOffice]:
    async with open_post_office() as opened:
        yield opened


async def use_mail(services: Services, office: PostOffice) -> None:
    async with services.database.write() as conn:
        await smtp.save(
            conn, Smtp("127.0.0.1", office.port, "none", "", None, "post@here.test", None)
        )
        await smtp.mark_tested(conn, services.clock.now())


async def give_address(database: Database, person: Actor, address: str) -> None:
    async with database.write() as conn:
        await conn.execute(
            "update accounts set email = $2, email_confirmed_at = now() where actor_id = $1",
            person.id, address,
        )  # fmt: skip


async def asks_for_address(member: Browser) -> bool:
    page = await member.page("/settings/mail")
    return any(form.action == "/settings/mail" for form in page.forms)


async def test_nobody_is_asked_for_an_address_before_a_test_has_arrived(
    database: Database, browser: Open, services: Services, office: PostOffice
) -> None:
    async with database.write() as conn:
        boss, ada = await make_person(conn, "boss", role="admin"), await make_person(conn, "ada")
    admin, member = await browser().sign_in(boss), await browser().sign_in(ada)
    assert not await asks_for_address(member)
    await admin.send(
        "/admin/mail", "/admin/mail", host="127.0.0.1", port=str(office.port), security="none",
        sender="post@here.test",
    )  # fmt: skip
    tested = await admin.send("/admin/mail", "/admin/mail/test", address="boss@there.test")
    assert tested.headers["location"].startswith("/admin/mail?done=mail_test_sent")
    path = urlsplit(office.link()).path
    assert (await member.get(path)).status_code == 404
    await admin.send(path, path)
    assert (await admin.get(path)).status_code == 404
    assert any(
        form.action == "/settings/mail" for form in (await member.page("/settings/mail")).forms
    )


async def test_what_is_wrong_with_the_mail_server_is_said(
    database: Database, browser: Open, office: PostOffice
) -> None:
    async with database.write() as conn:
        boss = await make_person(conn, "boss", role="admin")
    admin = await browser().sign_in(boss)
    fields = {"host": "127.0.0.1", "security": "none", "sender": "post@here.test"}
    await admin.send("/admin/mail", "/admin/mail", port="1", **fields)
    answer = await admin.send("/admin/mail", "/admin/mail/test", address="boss@there.test")
    assert answer.status_code == 422
    assert "did not answer" in answer.text
    office.refuses = {"boss@there.test": "550 no"}
    await admin.send("/admin/mail", "/admin/mail", port=str(office.port), **fields)
    answer = await admin.send("/admin/mail", "/admin/mail/test", address="boss@there.test")
    assert "does not deliver" in answer.text
    wrong = await admin.send("/admin/mail", "/admin/mail", port="25", **fields | {"sender": "me"})
    assert wrong.status_code == 422


async def test_an_address_counts_once_its_link_was_opened(
    database: Database, browser: Open, services: Services, office: PostOffice
) -> None:
    await use_mail(services, office)
    async with database.write() as conn:
        ada = await make_person(conn, "ada")
    member = await browser().sign_in(ada)
    wrong = await member.send(
        "/settings/mail", "/settings/mail", address="ada@there.test", password="not this one"
    )
    assert wrong.status_code == 422
    await member.send(
        "/settings/mail", "/settings/mail", address="ada@there.test", password=PASSWORD
    )
    assert "ada@there.test" not in (await member.get("/settings/mail")).text
    await Post(services).step()
    path = urlsplit(office.link()).path
    async with database.write() as conn:
        eve = await make_person(conn, "eve")
    assert (await (await browser().sign_in(eve)).get(path)).status_code == 404
    await member.send(path, path)
    assert "ada@there.test" in (await member.get("/settings/mail")).text
    await member.send("/settings/mail", "/settings/mail", password=PASSWORD)
    assert "ada@there.test" not in (await member.get("/settings/mail")).text


async def test_aut_04_a_link_signs_in_once_and_not_for_long(
    database: Database, browser: Open, services: Services, office: PostOffice, clock
) -> None:
    await use_mail(services, office)
    async with database.write() as conn:
        ada = await make_person(conn, "ada")
    await give_address(database, ada, "Ada@there.test")
    for minutes, works in ((29, True), (31, False)):
        visitor = browser()
        await visitor.send("/sign-in/mail", "/sign-in/mail", address="ada@there.test")
        await Post(services).step()
        path = urlsplit(office.link()).path
        assert path.rpartition("/")[2] not in str(await rows(database))
        clock.pass_time(minutes=minutes)
        if not works:
            assert (await visitor.get(path)).status_code == 404
            continue
        assert (await browser().get(path)).status_code == 200  # looking uses nothing up
        answer = await visitor.send(path, path)
        assert answer.status_code == 303
        assert "Sign out" in (await visitor.get("/")).text
        assert (await browser().get(path)).status_code == 404


async def test_who_forgot_the_password_sets_a_new_one_by_a_link(
    database: Database, browser: Open, services: Services, office: PostOffice
) -> None:
    await use_mail(services, office)
    async with database.write() as conn:
        ada = await make_person(conn, "ada")
    await give_address(database, ada, "ada@there.test")
    old = await browser().sign_in(ada)
    visitor = browser()
    await visitor.send("/sign-in/mail", "/sign-in/mail", address="ada@there.test")
    await Post(services).step()
    path = urlsplit(office.link()).path
    assert (await visitor.send(path, path, password="short")).status_code == 422
    fresh = "a wholly new password"
    assert (await visitor.send(path, path, password=fresh)).status_code == 303
    assert "/u/ada" in (await visitor.get("/settings")).text
    assert "/u/ada" not in (await old.get("/settings")).text
    again = browser()
    await again.send("/sign-in", "/sign-in", name="ada", password=fresh)
    assert "/u/ada" in (await again.get("/settings")).text


async def rows(database: Database) -> list[object]:
    async with database.read() as conn:
        return [tuple(row) for row in await conn.fetch("select * from one_time_tokens")]


async def test_aut_05_asking_for_a_link_tells_nothing_about_who_is_here(
    database: Database, browser: Open, services: Services, office: PostOffice
) -> None:
    await use_mail(services, office)
    async with database.write() as conn:
        ada = await make_person(conn, "ada")
    await give_address(database, ada, "ada@there.test")
    known = await browser().send("/sign-in/mail", "/sign-in/mail", address="ada@there.test")
    other = await browser().send("/sign-in/mail", "/sign-in/mail", address="eve@there.test")
    assert (known.status_code, known.content) == (other.status_code, other.content)
    assert known.headers["location"] == other.headers["location"]
    await Post(services).step()
    assert [sent["to"] for sent in office.taken] == ["ada@there.test"]


async def test_aut_03_links_are_asked_for_a_few_times_an_hour(
    browser: Open, services: Services, office: PostOffice
) -> None:
    await use_mail(services, office)
    answers = [
        await browser().send("/sign-in/mail", "/sign-in/mail", address="ada@there.test")
        for _ in range(6)
    ]
    assert [answer.status_code for answer in answers] == [303] * 4 + [429] * 2


async def test_an_administrator_hands_a_link_over_and_it_is_noted(
    database: Database, browser: Open
) -> None:
    async with database.write() as conn:
        boss, ada = await make_person(conn, "boss", role="admin"), await make_person(conn, "ada")
    admin, member = await browser().sign_in(boss), await browser().sign_in(ada)
    assert (await member.get("/admin/people")).status_code == 404
    page = await admin.send("/admin/people", "/admin/people", name="ada")
    path = next(word for word in page.text.split("<code>")[1:]).split("</code>")[0]
    path = urlsplit(path).path
    visitor = browser()
    assert (await visitor.send(path, path)).status_code == 303
    assert "/u/ada" in (await visitor.get("/settings")).text
    assert (await browser().get(path)).status_code == 404
    async with database.read() as conn:
        logged = await conn.fetch("select action, actor_id from modlog")
    assert [tuple(row) for row in logged] == [("sign_in_link", ada.id)]
    assert "Nobody here" in (await admin.send("/admin/people", "/admin/people", name="no")).text


async def test_a_moderator_of_the_server_helps_members_in_and_nobody_who_runs_the_place(
    database: Database, browser: Open
) -> None:
    async with database.write() as conn:
        for name, role in (("mo", "moderator"), ("boss", "admin"), ("ada", "member")):
            person = await make_person(conn, name, role=role)
            if name == "mo":
                mo = person
    moderator = await browser().sign_in(mo)
    assert "/admin/people" in (await moderator.get("/settings")).text
    for name, is_given in (("ada", True), ("boss", False), ("mo", False)):
        page = await moderator.send("/admin/people", "/admin/people", name=name)
        assert ("/sign-in/link/" in page.text) is is_given, name
        assert ("Only the administrator" in page.text) is not is_given, name
    async with database.read() as conn:
        assert await conn.fetchval("select count(*) from one_time_tokens") == 1
        assert await conn.fetchval("select count(*) from modlog") == 1


async def test_aut_02_an_administrator_makes_another_one_who_signs_in_anew(
    database: Database, browser: Open
) -> None:
    async with database.write() as conn:
        boss, ada = await make_person(conn, "boss", role="admin"), await make_person(conn, "ada")
        mo = await make_person(conn, "mo", role="moderator")
    admin, member = await browser().sign_in(boss), await browser().sign_in(ada)
    moderator = await browser().sign_in(mo)
    at, fields = "/admin/people", {"whom": "ada", "role": "admin", "password": PASSWORD}
    assert "/admin/role" not in (await moderator.get(at)).text
    assert (await moderator.act("/admin/role", **fields)).status_code == 404
    for wrong, said in (
        ({"password": "not this one"}, "not your password"),
        ({"whom": "nobody"}, "Nobody here"),
        ({"whom": "boss", "role": "member"}, "only administrator"),
    ):
        answer = await admin.send(at, "/admin/role", **{**fields, **wrong})
        assert (answer.status_code, said in answer.text) == (422, True), wrong
    assert "/u/ada" in (await member.get("/settings")).text
    done = await admin.send(at, "/admin/role", **fields)
    assert done.status_code == 303
    assert "/u/ada" not in (await member.get("/settings")).text
    assert (await (await browser().sign_in(ada)).get("/admin")).status_code == 200


async def test_an_address_of_somebody_else_is_refused_only_to_who_reads_its_mail(
    database: Database, browser: Open, services: Services, office: PostOffice
) -> None:
    await use_mail(services, office)
    async with database.write() as conn:
        ada, eve = await make_person(conn, "ada"), await make_person(conn, "eve")
    await give_address(database, ada, "both@there.test")
    member = await browser().sign_in(eve)
    answer = await member.send(
        "/settings/mail", "/settings/mail", address="both@there.test", password=PASSWORD
    )
    assert answer.headers["location"].endswith("done=mail_asked")
    await Post(services).step()
    path = urlsplit(office.link()).path
    refused = await member.send(path, path)
    assert refused.status_code == 403
    assert "Another account" in refused.text


async def test_aut_05_asking_for_a_link_writes_as_much_for_an_unknown_address(
    database: Database, browser: Open, services: Services, office: PostOffice
) -> None:
    await use_mail(services, office)
    visitor = browser()
    await visitor.send("/sign-in/mail", "/sign-in/mail", address="eve@there.test")
    async with database.read() as conn:
        made = await conn.fetch("select account_id, expires_at from one_time_tokens")
        assert await conn.fetchval("select count(*) from mails") == 0
    assert [row["account_id"] for row in made] == [None]
    assert made[0]["expires_at"] > services.clock.now()


async def test_two_who_confirm_one_address_at_once_one_gets_it_and_one_is_told(
    database: Database, browser: Open, services: Services, office: PostOffice
) -> None:
    await use_mail(services, office)
    links = []
    for name in ("ada", "eve"):
        async with database.write() as conn:
            person = await make_person(conn, name)
        member = await browser().sign_in(person)
        await member.send(
            "/settings/mail", "/settings/mail", address="both@there.test", password=PASSWORD
        )
        await Post(services).step()
        path = urlsplit(office.link()).path
        links.append((member, path, {"form_token": await member.token(path)}))
    answers = await asyncio.gather(*(member.post(path, sent) for member, path, sent in links))
    assert sorted(answer.status_code for answer in answers) == [303, 403]
    assert any("Another account" in answer.text for answer in answers)


@pytest.mark.parametrize(
    ("address", "is_told"), [("Ada.Lovelace+1@there.test", True), ("somebody@there.test", False)]
)
async def test_whose_name_looks_like_the_address_is_told(
    database: Database, browser: Open, services: Services, office: PostOffice, address: str,
    is_told: bool,
) -> None:  # fmt: skip
    await use_mail(services, office)
    async with database.write() as conn:
        ada = await make_person(conn, "ada_lovelace")
    member = await browser().sign_in(ada)
    answer = await member.send(
        "/settings/mail", "/settings/mail", address=address, password=PASSWORD
    )
    page = await member.get(answer.headers["location"])
    assert ("may recognise you" in page.text) is is_told
    assert "We have sent a link" in page.text


async def test_an_invitation_that_was_not_sent_is_handed_over_in_another_way_and_that_is_noted(
    database: Database, browser: Open
) -> None:
    async with database.write() as conn:
        boss, ada = await make_person(conn, "boss", role="admin"), await make_person(conn, "ada")
    admin, member = await browser().sign_in(boss), await browser().sign_in(ada)
    await admin.send("/admin/sign-up", "/admin/invite/mail", addresses="eve@there.test")
    page = await admin.get("/admin/mail")
    assert "An invitation to this server" in page.text
    assert "/sign-up/" not in page.text.partition("<main")[2].replace("/admin/sign-up", "")
    (form,) = [one for one in Page(page.text).forms if one.action == "/admin/mail/link"]
    assert (await member.act("/admin/mail/link", mail=form.fields["mail"])).status_code == 404
    shown = await admin.post("/admin/mail/link", form.fields)
    link = shown.text.partition("<code>")[2].partition("</code>")[0]
    assert (await browser().get(urlsplit(link).path)).status_code == 200
    async with database.read() as conn:
        logged = await conn.fetch("select action, reason from modlog")
    assert [tuple(row) for row in logged] == [("see_link", "site_invitation")]


async def test_aut_09_no_link_that_signs_in_is_shown_to_the_administrator(
    database: Database, browser: Open, services: Services, office: PostOffice
) -> None:
    await use_mail(services, office)
    async with database.write() as conn:
        boss, ada = await make_person(conn, "boss", role="admin"), await make_person(conn, "ada")
    await give_address(database, ada, "ada@there.test")
    await browser().send("/sign-in/mail", "/sign-in/mail", address="ada@there.test")
    admin = await browser().sign_in(boss)
    page = await admin.get("/admin/mail")
    assert "A link to sign in" in page.text
    assert "/sign-in/link/" not in page.text
    async with database.read() as conn:
        mail_id = await conn.fetchval("select id from mails")
    refused = await admin.act("/admin/mail/link", mail=str(mail_id))
    assert refused.status_code == 404


async def test_what_was_given_up_is_tried_again(
    database: Database, browser: Open, services: Services, office: PostOffice
) -> None:
    await use_mail(services, office)
    async with database.write() as conn:
        boss = await make_person(conn, "boss", role="admin")
    admin = await browser().sign_in(boss)
    office.refuses = {"eve@there.test": "550 no"}
    await admin.send("/admin/sign-up", "/admin/invite/mail", addresses="eve@there.test")
    await Post(services).step()
    page = await admin.get("/admin/mail")
    assert "Given up" in page.text
    assert "does not deliver" in page.text
    office.refuses = {}
    assert await Post(services).step() == 0
    await admin.send("/admin/mail", "/admin/mail/again")
    assert await Post(services).step() == 1
    assert [sent["to"] for sent in office.taken] == ["eve@there.test"]


@pytest.mark.parametrize(("path", "subject"), [("approve", "is open"), ("turn-away", "About")])
async def test_who_waited_is_told_and_nothing_stays_of_who_was_turned_away(
    database: Database,
    browser: Open,
    services: Services,
    office: PostOffice,
    path: str,
    subject: str,
    clock: SteadyClock,
) -> None:
    await use_mail(services, office)
    async with database.write() as conn:
        boss, ada = await make_person(conn, "boss", role="admin"), await make_person(conn, "ada")
        await conn.execute("update accounts set state = 'waiting' where actor_id = $1", ada.id)
    await give_address(database, ada, "ada@there.test")
    admin = await browser().sign_in(boss)
    await admin.act(f"/admin/{path}", person=str(ada.id), reason="Nobody knows them.")
    await Post(services).step()
    (sent,) = office.taken
    assert sent["to"] == "ada@there.test"
    assert subject in sent["subject"]
    assert "Nobody knows" not in sent.as_string()
    async with database.read() as conn:
        kept = await conn.fetchval("select email from accounts where actor_id = $1", ada.id)
    assert kept == ("ada@there.test" if path == "approve" else None)
    if path == "turn-away":
        why = urlsplit(office.link()).path
        assert "Nobody knows them." in (await browser().get(why)).text
        clock.pass_time(days=14)
        assert (await browser().get(why)).status_code == 404
