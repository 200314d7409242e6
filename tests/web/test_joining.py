"""Questions, reasons, rules, labels, cards, roles and handing over, as people meet them."""

from __future__ import annotations

from collections.abc import Callable

from storage.db import Database
from tests.factories import PASSWORD, join, make_community, make_person, make_thread
from tests.web.conftest import Browser
from tests.web.html import Page

Open = Callable[..., Browser]


async def test_pat14_from_questions_to_a_reason_to_asking_again(
    database: Database, browser: Open
) -> None:
    async with database.write() as conn:
        owner, person = await make_person(conn), await make_person(conn, "rosa")
        await make_community(
            conn, owner, name="place", readers="members", listed=True, joining="apply"
        )
    moderator, rosa = await browser().sign_in(owner), await browser().sign_in(person)
    at = "/c/place/moderation/joining"
    many = await moderator.send(at, "/c/place/moderation/questions", questions="a\nb\nc\nd\ne\nf")
    assert many.status_code == 422
    assert "five questions at most" in many.text
    asked = "Who are you?\r\n\r\nWhy now?"
    done = await moderator.send(at, "/c/place/moderation/questions", questions=asked)
    assert done.status_code == 303
    page = await rosa.page("/c/place/join")
    assert "Who are you?" in page.text
    assert "Why now?" in page.text
    half = await rosa.send("/c/place/join", "/c/place/join", answer1="Rosa.")
    assert half.status_code == 422
    assert "Rosa." in half.text  # what was written is not lost
    await rosa.send("/c/place/join", "/c/place/join", answer1="Rosa.", answer2="I am <b>new</b>.")
    shown = (await moderator.get("/c/place/moderation")).text
    assert "I am &lt;b&gt;new&lt;/b&gt;." in shown
    await moderator.send("/c/place/moderation", "/c/place/refuse", reason="Please say more.")
    again = (await rosa.get("/c/place/join")).text
    assert "You were not accepted this time." in again
    assert "Please say more." in again
    await rosa.send("/c/place/join", "/c/place/join", answer1="Rosa.", answer2="My son has it.")
    shown = (await moderator.get("/c/place/moderation")).text
    assert "My son has it." in shown
    assert "Please say more." in shown
    await moderator.send("/c/place/moderation", "/c/place/accept")
    assert (await rosa.get("/c/place/new")).status_code == 200


async def test_pat14_new_rules_are_agreed_to_without_losing_what_was_written(
    database: Database, browser: Open
) -> None:
    async with database.write() as conn:
        owner, person = await make_person(conn), await make_person(conn, "rosa")
        place = await make_community(conn, owner, name="place", readers="members", listed=True)
        thread = await make_thread(conn, owner, place)
        await join(conn, place, person)
    moderator, rosa = await browser().sign_in(owner), await browser().sign_in(person)
    at, path = "/c/place/moderation/joining", f"/t/{thread.id}"
    form = (await rosa.page(path)).form(f"{path}/reply")  # opened before the rules were written
    await moderator.send(at, "/c/place/moderation/rules", rules="Be **kind**.")
    answer = await rosa.post(f"{path}/reply", {**form.fields, "source": "A long reply."})
    assert answer.status_code == 422
    assert "A long reply." in answer.text
    assert "<strong>kind</strong>" in answer.text
    shown = Page(answer.text).form(f"{path}/reply")
    sent = {**shown.fields, "source": "A long reply.", "rules": "yes"}
    assert (await rosa.post(f"{path}/reply", sent)).status_code == 303
    assert "You have agreed to these rules" in (await rosa.get("/c/place/rules")).text
    async with database.write() as conn:
        late = await make_person(conn, "late")
    guest = await browser().sign_in(late)
    refused = await guest.send("/c/place/join", "/c/place/join")
    assert refused.status_code == 422
    assert "agree to them" in refused.text
    joined = await guest.send("/c/place/join", "/c/place/join", rules="yes")
    assert joined.headers["location"] == "/c/place?done=joined"
    await moderator.send(at, "/c/place/moderation/rules", rules="Be kinder.")
    assert (await guest.send("/c/place/rules", "/c/place/rules", rules="yes")).status_code == 303
    assert (await browser().get("/c/nowhere/rules")).status_code == 404


async def test_pat21_a_carer_says_whom_a_thread_is_about_and_shows_a_label(
    database: Database, browser: Open
) -> None:
    async with database.write() as conn:
        person = await make_person(conn, "rosa")
        place = await make_community(conn, await make_person(conn), name="place", travels="nowhere")
        await join(conn, place, person)
    rosa = await browser().sign_in(person)
    await rosa.send("/c/place/you", "/c/place/you", label="cares_for", shown="yes")
    words = {"title": "A day", "source": "It was long."}
    silent = await rosa.send("/c/place/new", "/c/place/new", **words)
    assert silent.status_code == 422
    assert "Whom it is about" in silent.text
    posted = await rosa.send("/c/place/new", "/c/place/new", about="child", **words)
    thread = posted.headers["location"].partition("?")[0]
    page = (await browser().get(thread)).text
    assert "I care for someone" in page
    assert "about their child" in page
    await rosa.send("/c/place/you", "/c/place/you", label="none")
    assert "I care for someone" not in (await browser().get(thread)).text
    assert "I care for someone" not in (await rosa.get(thread)).text


async def test_pat14_cards_to_print_name_nothing_and_let_one_person_in_each(
    database: Database, browser: Open
) -> None:
    async with database.write() as conn:
        owner, person = await make_person(conn), await make_person(conn, "rosa")
        await make_community(
            conn, owner, name="harbour", title="Marfan", readers="members", joining="invite"
        )
    moderator, rosa = await browser().sign_in(owner), await browser().sign_in(person)
    made = await moderator.send("/c/harbour/invite", "/c/harbour/invite/cards", cards="3", days="7")
    page = Page(made.text)
    links = [code.text for code in page.all("code")]
    assert len(set(links)) == 3
    assert made.text.count('class="segno"') == 3
    assert "Marfan" not in made.text
    path = links[0].removeprefix("https://here.test")
    assert (await rosa.send(path, path)).status_code == 303
    assert (await browser().get(path)).status_code == 404
    ended = await moderator.send("/c/harbour/invite", "/c/harbour/invite/end")
    assert ended.status_code == 303
    rest = links[1].removeprefix("https://here.test")
    assert (await browser().get(rest)).status_code == 404


async def test_a_professional_is_invited_until_a_date_that_stands_beside_the_name(
    database: Database, browser: Open
) -> None:
    async with database.write() as conn:
        owner, person = await make_person(conn), await make_person(conn, "nurse")
        place = await make_community(conn, owner, name="place")
        await join(conn, place, person)
        thread = await make_thread(conn, person, place)
    moderator, nurse = await browser().sign_in(owner), await browser().sign_in(person)
    at, to = "/c/place/moderation/joining", "/c/place/moderation/role"
    nobody = await moderator.send(at, to, name="stranger", role="professional", until="2026-07-01")
    assert nobody.status_code == 422
    assert "No member of this community" in nobody.text
    undated = await moderator.send(at, to, name="nurse", role="professional")
    assert undated.status_code == 422
    done = await moderator.send(at, to, name="nurse", role="professional", until="2026-07-01")
    assert done.status_code == 303
    badge = "invited professional until 1 July 2026"
    assert badge in (await browser().get(f"/t/{thread.id}")).text
    assert badge in (await browser().get(f"/p/{thread.id}")).text
    assert (await nurse.get(at)).status_code == 404
    assert (await nurse.act(to, name="nurse", role="owner")).status_code == 404


async def test_pat21_an_account_is_handed_over_and_nothing_of_before_opens_it(
    database: Database, browser: Open
) -> None:
    async with database.write() as conn:
        person = await make_person(conn, "rosa")
        place = await make_community(conn, await make_person(conn), name="place")
        await join(conn, place, person)
        await make_thread(conn, person, place)
        await conn.execute(
            "update memberships set label = 'cares_for', shows_label = true where actor_id = $1",
            person.id,
        )
        await conn.execute(
            "update accounts set email = 'r@mail.test', email_confirmed_at = now() "
            "where actor_id = $1",
            person.id,
        )
    carer, other = await browser().sign_in(person), await browser().sign_in(person)
    at = "/settings/hand-over"
    new = {"shown_name": "Just me", "password": "a new and long one"}
    wrong = await carer.send(at, at, old="not the password", agreed="yes", **new)
    assert wrong.status_code == 422
    assert (await carer.send(at, at, old=PASSWORD, **new)).status_code == 422
    done = await carer.send(at, at, old=PASSWORD, agreed="yes", **new)
    assert done.headers["location"] == "/u/rosa?done=handed_over"
    assert (await carer.get("/settings")).status_code == 200
    assert (await other.get("/settings")).status_code == 303
    assert "Just me" in (await browser().get("/u/rosa")).text
    async with database.read() as conn:
        kept = await conn.fetchrow(
            "select s.email, m.label, m.shows_label from accounts s "
            "join memberships m on m.actor_id = s.actor_id where s.actor_id = $1",
            person.id,
        )
        assert tuple(kept) == (None, None, False)
        assert await conn.fetchval("select count(*) from modlog where action = 'hand_over'") == 1


async def test_whoever_looks_after_a_community_hands_that_on_first(
    database: Database, browser: Open
) -> None:
    async with database.write() as conn:
        owner = await make_person(conn)
        await make_community(conn, owner)
    keeper, at = await browser().sign_in(owner), "/settings/hand-over"
    answer = await keeper.send(
        at, at, old=PASSWORD, shown_name="X", password="a new and long one", agreed="yes"
    )
    assert answer.status_code == 403
    assert "hand that on to somebody else first" in answer.text
