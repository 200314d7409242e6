"""Direct messages in the browser: requests, the three ways to delete, the timer, the mail."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from forum import consents, messages
from storage.actors import Actor
from storage.db import Database
from storage.ids import MAX_ID
from tests.factories import join, make_community, make_person, make_remote_person, make_thread, tick
from tests.web.conftest import Browser, SteadyClock
from tests.web.html import Page

Open = Callable[..., Browser]
SENTENCE = "could technically read them"


@pytest.fixture
async def rosa(database: Database) -> Actor:
    async with database.write() as conn:
        return await make_person(conn, "rosa")


@pytest.fixture
async def timo(database: Database) -> Actor:
    async with database.write() as conn:
        return await make_person(conn, "timo")


async def write_first(browser: Browser, to: Actor, text: str = "Dear you") -> str:
    """The address of the conversation that it begins."""
    at = f"/messages/new?to={to.id}"
    assert SENTENCE in (await browser.get(at)).text
    answer = await browser.send(at, "/messages/new", source=text)
    assert answer.status_code == 303, answer.text
    return answer.headers["location"].partition("?")[0]


async def act(browser: Browser, path: str, name: str, **fields: str) -> str:
    """Press the button of that name; where it leads."""
    token = await browser.token(path)
    answer = await browser.post(f"{path}/act", {"form_token": token, "act": name, **fields})
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


async def met_elsewhere(database: Database, name: str) -> Actor:
    """Somebody of another server whose posts can be read here."""
    async with database.write() as conn:
        place, person = await make_community(conn), await make_remote_person(conn, name=name)
        await join(conn, place, person)
        await make_thread(conn, person, place)
    return person


async def meet(database: Database, *people: Actor) -> None:
    async with database.write() as conn:
        place = await make_community(conn, people[0], readers="members")
        for person in people[1:]:
            await join(conn, place, person)


async def test_pat13_a_stranger_asks_and_is_read_once_let_in(
    rosa: Actor, timo: Actor, browser: Open
) -> None:
    one, other = await browser().sign_in(rosa), await browser().sign_in(timo)
    path = await write_first(one, timo)
    listed = (await other.get("/messages")).text
    assert "Somebody wants to write to you" in listed
    shown = (await other.get(path)).text
    assert "Dear you" in shown
    assert SENTENCE in shown
    await act(other, path, "accept")
    assert "Somebody wants to write to you" not in (await other.get("/messages")).text
    answer = await other.send(path, path, source="Hello Rosa")
    assert "done=message_sent" in answer.headers["location"]
    assert "Hello Rosa" in (await one.get(path)).text


async def test_pat13_a_refused_request_is_not_told_and_cannot_be_repeated_for_ever(
    rosa: Actor, timo: Actor, browser: Open
) -> None:
    one, other = await browser().sign_in(rosa), await browser().sign_in(timo)
    path = await write_first(one, timo)
    await act(other, path, "refuse")
    assert (await other.get(path)).status_code == 404
    for _ in range(2):
        assert (await one.send(path, path, source="Hello?")).status_code == 303
    refused = await one.send(path, path, source="Hello??")
    assert refused.status_code == 422
    assert "wait until this person has answered" in refused.text
    assert "Dear you" not in (await other.get("/messages")).text


async def test_pat13_a_conversation_is_not_found_by_anybody_else(
    rosa: Actor, timo: Actor, database: Database, browser: Open
) -> None:
    path = await write_first(await browser().sign_in(rosa), timo)
    async with database.write() as conn:
        admin = await make_person(conn, role="admin")
    third = await browser().sign_in(admin)
    unknown = await third.get("/messages/123456789")
    for shown in (path, path.replace("/messages/", "/t/"), path.replace("/messages/", "/p/")):
        answer = await third.get(shown)
        assert (answer.status_code, answer.text) == (404, unknown.text)
    token = await third.token("/messages")
    for acted in (path, f"{path}/act"):
        fields = {"form_token": token, "source": "x", "act": "hide"}
        assert (await third.post(acted, fields)).status_code == 404
    own = await browser().sign_in(rosa)
    assert path not in (await own.get("/u/rosa")).text
    assert "Dear you" not in (await own.get("/u/rosa")).text


async def test_pat13_hiding_is_for_oneself_and_deleting_mine_is_for_both(
    rosa: Actor, timo: Actor, database: Database, browser: Open
) -> None:
    await meet(database, rosa, timo)
    one, other = await browser().sign_in(rosa), await browser().sign_in(timo)
    path = await write_first(one, timo)
    await other.send(path, path, source="Mine stays")
    assert (await act(other, path, "hide")).startswith("/messages?")
    assert path not in (await other.get("/messages")).text
    assert "Dear you" in (await one.get(path)).text
    receipt = await act(one, path, "delete")
    assert receipt.startswith("/receipts/")
    after = (await one.get(path)).text
    assert "Dear you" not in after
    assert "Mine stays" in after
    async with database.read() as conn:
        assert await conn.fetchval("select count(*) from posts where source = 'Dear you'") == 0


async def test_pat13_the_other_is_asked_to_delete_and_decides(
    rosa: Actor, timo: Actor, database: Database, browser: Open
) -> None:
    await meet(database, rosa, timo)
    one, other = await browser().sign_in(rosa), await browser().sign_in(timo)
    path = await write_first(one, timo)
    await other.send(path, path, source="Of Timo")
    await act(one, path, "ask")
    assert "You are asked to delete" in (await other.get(path)).text
    await act(other, path, "decline")
    assert "You are asked to delete" not in (await other.get(path)).text
    assert "Of Timo" in (await one.get(path)).text
    await act(one, path, "ask")
    await act(other, path, "delete")
    assert "Of Timo" not in (await one.get(path)).text
    assert "You are asked to delete" not in (await other.get(path)).text


async def test_pat13_the_timer_takes_only_what_is_offered_and_erases(
    rosa: Actor, timo: Actor, database: Database, browser: Open, clock: SteadyClock
) -> None:
    await meet(database, rosa, timo)
    one = await browser().sign_in(rosa)
    path = await write_first(one, timo)
    token = await one.token(path)
    for days in ("1", "8"):
        fields = {"form_token": token, "act": "keep", "days": days}
        assert (await one.post(f"{path}/act", fields)).status_code == 422
    await act(one, path, "keep", days="30")
    for after, erased in ((timedelta(days=29), 0), (timedelta(days=31), 1)):
        async with database.write() as conn:
            due = await messages.erase_due(conn, now=clock.at + after, limit=10)
        assert due == erased
    assert "Dear you" not in (await one.get(path)).text


async def test_pat13_who_blocks_or_is_blocked_is_not_written_to_and_nothing_says_why(
    rosa: Actor, timo: Actor, database: Database, browser: Open
) -> None:
    await meet(database, rosa, timo)
    one = await browser().sign_in(rosa)
    path = await write_first(one, timo)
    async with database.write() as conn:
        await conn.execute("insert into blocks values ($1, $2)", timo.id, rosa.id)
    answer = await one.send(path, path, source="Are you there?")
    assert answer.status_code == 422
    assert "block" not in answer.text.lower().split("<main")[1].split("</main")[0]


async def test_pat13_whoever_is_here_for_work_does_not_write_first(
    rosa: Actor, timo: Actor, database: Database, browser: Open
) -> None:
    await meet(database, timo, rosa)
    async with database.write() as conn:
        await conn.execute(
            "update memberships set role = 'professional' where actor_id = $1", rosa.id
        )
    work, other = await browser().sign_in(rosa), await browser().sign_in(timo)
    at = f"/messages/new?to={timo.id}"
    refused = await work.send(at, "/messages/new", source="Buy this")
    assert refused.status_code == 422
    path = await write_first(other, rosa)
    assert (await work.send(path, path, source="An answer")).status_code == 303


async def test_pat13_a_mail_tells_nothing_and_comes_once_a_day_to_who_chose_it(
    rosa: Actor, timo: Actor, database: Database, browser: Open, clock: SteadyClock
) -> None:
    await meet(database, rosa, timo)
    one, other = await browser().sign_in(rosa), await browser().sign_in(timo)
    path = await write_first(one, timo, "Secret words")
    assert 'name="mail"' not in (await other.get("/messages")).text
    async with database.write() as conn:
        await conn.execute(
            "update accounts set email = 't@mail.test', email_confirmed_at = now()"
            " where actor_id = $1",
            timo.id,
        )
    await other.send("/messages", "/messages", mail="yes")
    for _ in range(2):
        await one.send(path, path, source="Secret words again")
    async with database.read() as conn:
        rows = await conn.fetch("select kind, data from mails where account_id = $1", timo.id)
    assert [(row["kind"], list(row["data"])) for row in rows] == [("new_message", ["link"])]
    assert "Secret" not in str(rows)
    assert path not in str(rows)
    await other.send(path, path, source="I hear you")
    clock.pass_time(days=1, minutes=1)
    one = await browser().sign_in(rosa)
    await one.send(path, path, source="Next day")
    async with database.read() as conn:
        assert await conn.fetchval("select count(*) from mails") == 2


async def test_a_message_to_another_server_says_which_and_cannot_ask_there(
    rosa: Actor, database: Database, browser: Open
) -> None:
    ada = await met_elsewhere(database, "ada")
    one = await browser().sign_in(rosa)
    path = await write_first(one, ada)
    shown = (await one.get(path)).text
    assert "sent to this server" in shown
    assert "there.test" in shown
    token = await one.token(path)
    asked = await one.post(f"{path}/act", {"form_token": token, "act": "ask"})
    assert asked.status_code == 403
    async with database.read() as conn:
        kinds = await conn.fetch("select kind from events order by id desc limit 1")
    assert kinds[0]["kind"] == "MessageSent"
    again = await one.get(f"/messages/new?to={ada.id}")
    assert again.headers["location"].startswith(path)
    assert int(path.rpartition("/")[2]) < MAX_ID


async def test_pat13_only_whom_one_may_know_of_is_written_to(
    rosa: Actor, timo: Actor, database: Database, browser: Open
) -> None:
    """Numbers of hidden people answer as numbers of nobody."""
    async with database.write() as conn:
        waiting = await make_person(conn, state="waiting")
        unmet = await make_remote_person(conn)
        place, name = await make_community(conn, timo), await make_person(conn)
        await conn.execute(
            "insert into aliases (actor_id, owner_id, community_id) values ($1, $2, $3)",
            name.id, timo.id, place.id,
        )  # fmt: skip
        away = await make_remote_person(conn)
        closed = await make_community(conn, timo, readers="members")
        await join(conn, closed, away)
        await make_thread(conn, away, closed)
    one, other = await browser().sign_in(rosa), await browser().sign_in(timo)
    unknown = await one.get("/messages/new?to=123456789")
    assert unknown.status_code == 404
    for hidden in (waiting, unmet, name, away, rosa, place):
        answer = await one.get(f"/messages/new?to={hidden.id}")
        assert (answer.status_code, answer.text) == (404, unknown.text)
    assert (await one.get(f"/messages/new?to={timo.id}")).status_code == 200
    assert (await other.get(f"/messages/new?to={away.id}")).status_code == 200


async def test_pat04_a_message_that_leaves_asks_once_and_is_not_sent_after_taking_that_back(
    rosa: Actor, timo: Actor, database: Database, browser: Open
) -> None:
    ada = await met_elsewhere(database, "ada")
    async with database.write() as conn:
        await conn.execute("delete from consents where account_id = $1", rosa.id)
    one = await browser().sign_in(rosa)
    assert 'name="federation"' not in (await one.get(f"/messages/new?to={timo.id}")).text
    at = f"/messages/new?to={ada.id}"
    refused = await one.send(at, "/messages/new", source="Dear Ada")
    assert refused.status_code == 422
    assert "Dear Ada" in refused.text
    assert 'id="e-federation"' in refused.text
    sent = await one.send(at, "/messages/new", source="Dear Ada", federation="yes")
    path = sent.headers["location"].partition("?")[0]
    assert 'name="federation"' not in (await one.get(path)).text
    async with database.write() as conn:
        assert await consents.withdraw(conn, rosa.id, "federation", now=tick())
    assert 'name="source"' not in (await one.get(path)).text
    token = await one.token(path)
    assert (await one.post(path, {"form_token": token, "source": "Again"})).status_code == 422
    async with database.read() as conn:
        assert await conn.fetchval("select count(*) from posts where audience = 'direct'") == 1


async def test_pat13_a_reported_message_reaches_the_administrator_alone_and_the_look_is_noted(
    rosa: Actor, timo: Actor, database: Database, browser: Open
) -> None:
    await meet(database, rosa, timo)
    async with database.write() as conn:
        admin = await make_person(conn, "anna", role="admin")
        helper = await make_person(conn, role="moderator")
    one, other = await browser().sign_in(rosa), await browser().sign_in(timo)
    path = await write_first(one, timo, "Ugly words")
    await one.send(path, path, source="Other words")
    await other.send(path, path, source="Leave me alone")
    post = path.replace("/messages/", "/p/")
    assert "at nothing else that you said" in (await other.get(post)).text
    told = await other.send(post, f"{post}/report", reason="He threatens me")
    assert "done=reported_message" in told.headers["location"]
    chief = await browser().sign_in(admin)
    listed = (await chief.get("/admin")).text
    assert "He threatens me" in listed
    assert "Ugly words" not in listed
    assert "rosa" not in listed
    report = Page(listed).form("/admin/reports/message").fields["report"]
    fields = {"form_token": await chief.token("/admin"), "report": report}
    seen = (await chief.post("/admin/reports/message", fields)).text
    assert "Ugly words" in seen
    assert "Other words" not in seen
    assert "Leave me alone" not in seen
    assert (await chief.get(post)).status_code == 404
    for nosy in (await browser().sign_in(helper), one, other):
        blind = {"form_token": await nosy.token("/settings"), "report": report}
        assert (await nosy.post("/admin/reports/message", blind)).status_code == 404
    closed = await chief.post("/admin/reports/close", fields)
    assert closed.status_code == 303
    assert (await chief.post("/admin/reports/message", fields)).status_code == 404
    assert "He threatens me" not in (await chief.get("/admin")).text
    async with database.read() as conn:
        acts = await conn.fetch("select action, moderator_id from modlog order by id")
    assert [tuple(act) for act in acts] == [("see_message", admin.id), ("close_report", admin.id)]


async def test_pat13_the_page_of_a_message_leads_back_to_its_conversation(
    rosa: Actor, timo: Actor, database: Database, browser: Open
) -> None:
    await meet(database, rosa, timo)
    one, other = await browser().sign_in(rosa), await browser().sign_in(timo)
    path = await write_first(one, timo)
    await other.send(path, path, source="Mine")
    shown = (await other.get(path.replace("/messages/", "/p/"))).text
    assert f'href="{path}#m' in shown
    assert "/reply" not in shown
    assert 'href="/messages/new' not in shown
    await act(one, path, "delete")
    answer = await other.get(path.replace("/messages/", "/t/"))
    assert (answer.status_code, answer.headers["location"]) == (303, path)
