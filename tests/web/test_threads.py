"""Writing and reading threads."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from forum.moderation import remove_post
from forum.threads import erase_post
from storage.actors import Actor
from storage.communities import Community
from storage.db import Database
from tests.factories import (
    join,
    make_community,
    make_person,
    make_remote_person,
    make_reply,
    make_thread,
    tick,
)
from tests.web.conftest import Browser
from tests.web.html import Page
from tests.web.writer import Writer, picture

Open = Callable[..., Browser]


async def place(database: Database, **answers: object) -> tuple[Community, Actor]:
    async with database.write() as conn:
        owner = await make_person(conn, "rosa")
        return await make_community(conn, owner, name="place", **answers), owner  # type: ignore[arg-type]


async def test_a_thread_is_started_and_read_by_everybody(database: Database, browser: Open) -> None:
    _, owner = await place(database)
    rosa = await browser().sign_in(owner)
    answer = await rosa.send(
        "/c/place/new", "/c/place/new",
        title="  How do you   sleep? ", source="Badly.\r\n\r\n**You?**", language="en",
    )  # fmt: skip
    assert answer.status_code == 303
    page = await browser().page(answer.headers["location"].split("?")[0])
    assert page.all("h1")[0].text == "How do you sleep?"
    assert [e.text for e in page.all("strong")] == ["You?"]
    async with database.read() as conn:
        row = await conn.fetchrow("select title, source, language, audience from posts")
    assert tuple(row) == ("How do you sleep?", "Badly.\n\n**You?**", "en", "public")


async def test_the_line_above_the_send_button_says_who_will_see_it(
    database: Database, browser: Open
) -> None:
    _, owner = await place(database, readers="members", travels="nowhere", title="Our place")
    rosa = await browser().sign_in(owner)
    text = (await rosa.get("/c/place/new")).text
    assert "Only members of “Our place” will read this." in text
    assert "You can delete it at any time." in text
    async with database.write() as conn:
        await make_community(conn, owner, name="wide", indexed=True)
    text = (await rosa.get("/c/wide/new")).text
    for sentence in ("Anyone on the web will be able to read this.", "Posts travel to other",
                     "Search engines may list it", "cannot make them"):  # fmt: skip
        assert sentence in text


async def test_a_reply_keeps_a_language_that_no_list_of_ours_has(
    database: Database, browser: Open
) -> None:
    async with database.write() as conn:
        person = await make_person(conn)
        place = await make_community(conn, person)
        thread = await make_thread(conn, person, place)
        await conn.execute("update posts set language = 'ja' where id = $1", thread.id)
    member = await browser().sign_in(person)
    at, action = f"/t/{thread.id}", f"/t/{thread.id}/reply"
    assert (await member.send(at, action, source="はい。")).status_code == 303
    own_page = await member.get(f"{action}?to={thread.id}")
    assert '<option value="ja" selected' in own_page.text
    async with database.read() as conn:
        assert await conn.fetchval("select language from posts where kind = 'reply'") == "ja"


async def test_a_form_that_is_sent_twice_makes_one_post(database: Database, browser: Open) -> None:
    _, owner = await place(database)
    rosa = await browser().sign_in(owner)
    form = (await rosa.page("/c/place/new")).form("/c/place/new")
    fields = {**form.fields, "title": "Once", "source": "Once."}
    first, second = await rosa.post("/c/place/new", fields), await rosa.post("/c/place/new", fields)
    assert first.headers["location"] == second.headers["location"]
    thread = first.headers["location"].split("?")[0]
    form = (await rosa.page(thread)).form(f"{thread}/reply")
    for _ in range(2):
        await rosa.post(f"{thread}/reply", {**form.fields, "source": "Also once."})
    async with database.read() as conn:
        assert await conn.fetchval("select count(*) from posts") == 2


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"title": "", "source": "x"}, "title"),
        ({"title": "x", "source": " \r\n\x00 "}, "source"),
        ({"title": "x" * 201, "source": "x"}, "title"),
        ({"title": "x", "source": "x" * 10_001}, "source"),
        ({"title": "x", "source": "x", "content_note": "y" * 201}, "content_note"),
    ],
)
async def test_a_text_with_an_error_is_shown_again_as_it_was(
    fields: dict[str, str], field: str, database: Database, browser: Open
) -> None:
    _, owner = await place(database)
    rosa = await browser().sign_in(owner)
    answer = await rosa.send("/c/place/new", "/c/place/new", **fields)
    assert answer.status_code == 422
    page = Page(answer.text)
    assert f"#f-{field}" in page.links()
    shown = page.form("/c/place/new").fields
    assert shown["title"] == fields["title"]
    assert shown["source"] == fields["source"].replace("\r\n", "\n").replace("\x00", "")


async def test_replies_stand_below_what_they_answer(database: Database, browser: Open) -> None:
    community, owner = await place(database)
    async with database.write() as conn:
        other = await make_person(conn)
        await join(conn, community, other)
        thread = await make_thread(conn, owner, community)
        first = await make_reply(conn, other, thread, text="First.")
        await make_reply(conn, owner, thread, text="Second.")
    rosa = await browser().sign_in(owner)
    path = f"/t/{thread.id}/reply?to={first.id}"
    assert "First." in (await rosa.get(path)).text
    answer = await rosa.send(path, f"/t/{thread.id}/reply", source="Below the first.")
    assert answer.headers["location"].startswith(f"/t/{thread.id}?done=replied#p")
    page = await browser().page(f"/t/{thread.id}")
    order = [e.text.split("2026")[0] and e.attributes["id"] for e in page.all("article")]
    assert order[:2] == [f"p{thread.id}", f"p{first.id}"]
    text = page.all("main")[0].text
    assert text.index("First.") < text.index("Below the first.") < text.index("Second.")
    below = next(e for e in page.all("article") if "Below the first." in e.text)
    assert below.ancestors.count("ol") == 2


async def test_a_reply_whose_parent_is_gone_stands_below_a_placeholder(
    database: Database, browser: Open
) -> None:
    community, owner = await place(database)
    async with database.write() as conn:
        thread = await make_thread(conn, owner, community)
        gone = await make_reply(conn, owner, thread, text="Forget me.")
        await make_reply(conn, owner, gone, text="Still here.")
        await make_reply(conn, owner, gone, text="Me too.")
    nobody = browser()
    assert "Forget me." in (await nobody.get(f"/t/{thread.id}")).text
    async with database.write() as conn:
        await erase_post(conn, owner, gone, now=tick())
    text = (await nobody.get(f"/t/{thread.id}")).text
    assert "Forget me." not in text
    assert text.count("A reply that is not shown here") == 1
    assert text.index("not shown here") < text.index("Still here.") < text.index("Me too.")


async def test_a_thread_without_its_opening_keeps_the_replies(
    database: Database, browser: Open
) -> None:
    community, owner = await place(database)
    async with database.write() as conn:
        thread = await make_thread(conn, owner, community, title="Too much")
        await make_reply(conn, owner, thread, text="A good answer.")
        await erase_post(conn, owner, thread, now=tick())
    answer = await browser().get(f"/t/{thread.id}")
    assert answer.status_code == 200
    assert "A good answer." in answer.text
    assert "Too much" not in answer.text


async def test_the_page_that_everybody_sees_is_never_old(database: Database, browser: Open) -> None:
    community, owner = await place(database)
    async with database.write() as conn:
        thread = await make_thread(conn, owner, community, text="Opening words.")
    nobody, path = browser(), f"/t/{thread.id}"
    assert (await nobody.get(path)).content == (await nobody.get(path)).content
    async with database.write() as conn:
        reply = await make_reply(conn, owner, thread, text="Fresh words.")
    assert "Fresh words." in (await nobody.get(path)).text
    async with database.write() as conn:
        await remove_post(conn, owner, reply, "Test.", tick())
    assert "Fresh words." not in (await nobody.get(path)).text
    async with database.write() as conn:
        await conn.execute("update site set title = 'Elsewhere', epoch = epoch + 1")
    async with database.write() as conn:
        await conn.execute("update posts set state = 'removed' where id = $1", thread.id)
    assert (await nobody.get(path)).status_code == 404


async def test_what_another_process_changed_of_the_server_is_not_kept_as_it_was(
    database: Database, nobody: Browser
) -> None:
    async with database.write() as conn:
        person = await make_person(conn)
        thread = await make_thread(conn, person, await make_community(conn, person))
    await nobody.page("/about")
    async with database.write() as conn:
        await conn.execute("update site set title = 'Stripes together', epoch = epoch + 1")
    assert "Stripes together" in (await nobody.get(f"/t/{thread.id}")).text


async def test_a_page_for_one_language_is_not_shown_in_another(
    database: Database, browser: Open
) -> None:
    community, owner = await place(database)
    async with database.write() as conn:
        thread = await make_thread(conn, owner, community)
    for language in ("en", "de", "en"):
        page = await browser(language=language).page(f"/t/{thread.id}")
        assert page.all("html")[0].attributes["lang"] == language


async def test_a_content_note_folds_the_text(database: Database, browser: Open) -> None:
    _, owner = await place(database)
    rosa = await browser().sign_in(owner)
    answer = await rosa.send(
        "/c/place/new", "/c/place/new", title="After", source="Hard words.", content_note="loss"
    )
    page = await browser().page(answer.headers["location"].split("?")[0])
    note = next(e for e in page.all("details") if e.attributes.get("class") == "note")
    assert "open" not in note.attributes
    assert "Hard words." in note.text
    assert "loss" in next(e.text for e in page.all("summary"))
    assert "loss" in (await browser().get("/c/place")).text
    assert "Hard words." not in (await browser().get("/c/place")).text


async def test_a_long_thread_goes_on_on_further_pages(database: Database, browser: Open) -> None:
    community, owner = await place(database)
    async with database.write() as conn:
        thread = await make_thread(conn, owner, community)
        parent = await make_reply(conn, owner, thread, text="Number 0.")
        for number in range(1, 230):
            parent_now = parent if number % 3 else thread
            await make_reply(conn, owner, parent_now, text=f"Number {number}.")
    nobody, seen, path = browser(), [], f"/t/{thread.id}"
    pages = 0
    while path:
        page = await nobody.page(path)
        seen += [e.attributes["id"] for e in page.all("article")]
        path = next((link for link in page.links() if "?after=" in link), "")
        pages += 1
    assert pages == 2
    assert len(seen) == len(set(seen)) == 231
    rosa = await browser().sign_in(owner)
    answer = await rosa.send(
        f"/t/{thread.id}/reply?to={thread.id}", f"/t/{thread.id}/reply", source="The last."
    )
    path, anchor = answer.headers["location"].split("#")
    assert f'id="{anchor}"' in (await rosa.get(path)).text


async def test_a_deep_branch_can_be_folded(database: Database, browser: Open) -> None:
    community, owner = await place(database)
    async with database.write() as conn:
        thread = parent = await make_thread(conn, owner, community)
        for _ in range(60):
            parent = await make_reply(conn, owner, parent)
    page = await browser().page(f"/t/{thread.id}")
    assert len(page.all("article")) == 61
    assert page.all("details")
    assert all("open" in e.attributes for e in page.all("details"))


async def test_people_of_other_servers_are_shown_with_their_server(
    database: Database, browser: Open
) -> None:
    community, owner = await place(database)
    async with database.write() as conn:
        remote = await make_remote_person(conn, name="wanda")
        await join(conn, community, remote)
        thread = await make_thread(conn, owner, community)
        await make_reply(conn, remote, thread, text="From afar.")
    page = await browser().page(f"/t/{thread.id}")
    afar = next(e for e in page.all("article") if "From afar." in e.text)
    assert "from there.test" in afar.text
    assert "/u/wanda" not in page.links()


async def test_only_members_can_answer(database: Database, browser: Open) -> None:
    community, owner = await place(database)
    async with database.write() as conn:
        thread = await make_thread(conn, owner, community)
        stranger = await make_person(conn)
    guest = await browser().sign_in(stranger)
    page = await guest.page(f"/t/{thread.id}")
    assert "Members of this community can reply." in page.text
    assert (await guest.get(f"/t/{thread.id}/reply")).status_code == 403
    answer = await guest.act(f"/t/{thread.id}/reply", to=str(thread.id), source="Hello")
    assert answer.status_code == 403
    assert (await browser().get(f"/t/{thread.id}/reply")).headers["location"].startswith("/sign-in")
    async with database.read() as conn:
        assert await conn.fetchval("select count(*) from posts") == 1


async def test_somebody_who_floods_is_slowed_down(database: Database, browser: Open) -> None:
    community, owner = await place(database)
    async with database.write() as conn:
        thread = await make_thread(conn, owner, community)
    rosa = await browser().sign_in(owner)
    at = f"/t/{thread.id}/reply"
    fields = (await rosa.page(at)).form(at).fields
    answers = [
        await rosa.post(at, {**fields, "submission": f"{n}", "source": f"{n}"}) for n in range(41)
    ]
    assert {answer.status_code for answer in answers[:40]} == {303}
    assert answers[40].status_code == 429
    assert "40" in answers[40].text
    writer = await Writer(rosa, f"/c/{community.name}/new").open()
    await writer.send(picture(), picture(300, 300), picture(200, 200), content_note="A wound")
    refused = await writer.send(alt1="A knee", alt3="The scar")
    assert refused.status_code == 429
    kept = "\n\n".join(("My brace", "A wound", "It fits.", "A knee", "The scar"))
    assert f"\n{kept}</textarea>" in refused.text


async def test_what_is_kept_for_one_reader_is_not_shown_to_another_who_sees_less(
    database: Database, browser: Open
) -> None:
    community, owner = await place(database)
    async with database.write() as conn:
        timo, ute = await make_person(conn), await make_person(conn)
        for person in (timo, ute):
            await join(conn, community, person)
        thread = await make_thread(conn, owner, community)
        await make_reply(conn, timo, thread, text="Loud words.")
        await conn.execute("insert into blocks values ($1, $2)", ute.id, timo.id)
    rosa, reader = await browser().sign_in(owner), await browser().sign_in(ute)
    for _ in range(2):
        assert "Loud words." in (await rosa.get(f"/t/{thread.id}")).text
        assert "Loud words." not in (await reader.get(f"/t/{thread.id}")).text
        assert "Loud words." in (await browser().get(f"/t/{thread.id}")).text
    async with database.write() as conn:
        await conn.execute(
            "update actors set display_name = 'Timo the kind' where id = $1", timo.id
        )
    assert "Timo the kind" in (await rosa.get(f"/t/{thread.id}")).text
