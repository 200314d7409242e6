"""Writing with pictures: sent with the form, described once, kept through every error page."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import ExitStack

import httpx
import pytest

from storage.actors import Actor
from storage.communities import Community
from storage.db import Database
from storage.parts import parts_of
from tests.factories import SITE, join, make_person, make_thread
from tests.web.conftest import Browser
from tests.web.html import Page
from tests.web.writer import KINDS, Writer, picture, rows_of
from web.file_forms import TEXT_BYTES
from web.file_places import AT_ONCE, FilePlaces, FilesBusy
from web.pages import carrying

Open = Callable[..., Browser]


POSTED = "select title, parts from posts"
FILES = "select post_id is not null, alt, kind from media order by id"


async def test_a_picture_is_described_once_and_then_stands_in_the_post(
    writer: Writer, database: Database
) -> None:
    asked = await writer.send(picture())
    assert asked.status_code == 422
    page = Page(asked.text)
    (shown,) = [one for one in page.all("img") if one.attributes["src"].startswith("/media/")]
    assert (shown.attributes["width"], shown.attributes["height"]) == ("640", "427")
    assert "Post without a description" in page.text
    assert writer.fields["source"] == "It fits."
    assert await rows_of(database, POSTED) == []
    posted = await writer.send(alt1="A brace on a knee")
    assert posted.status_code == 303
    ((title, parts),) = await rows_of(database, POSTED)
    (attached,) = parts_of(parts).attachments
    assert (title, attached.alt, attached.width, attached.height) == (
        "My brace", "A brace on a knee", 900, 600,
    )  # fmt: skip
    assert re.fullmatch(SITE.origin + r"/media/[a-z2-7]{26}/full\.jpg", attached.url)
    assert await rows_of(database, FILES) == [(True, "A brace on a knee", "image")]
    thread = await writer.browser.page(posted.headers["location"].split("?")[0])
    (inside,) = [one for one in thread.all("img") if "/media/" in one.attributes["src"]]
    assert inside.attributes["alt"] == "A brace on a knee"
    assert inside.attributes["loading"] == "lazy"
    assert "picture" in inside.ancestors


async def test_who_leaves_the_description_empty_posts_without_one(
    writer: Writer, database: Database
) -> None:
    await writer.send(picture())
    assert (await writer.send()).status_code == 303
    assert await rows_of(database, FILES) == [(True, "", "image")]


async def test_pictures_stay_through_an_error_and_one_can_be_left_out(
    writer: Writer, database: Database
) -> None:
    await writer.send(picture(), picture(300, 300, "PNG"), title="")
    again = await writer.send(title="", alt1="One", alt2="Two")
    assert again.status_code == 422
    assert [writer.fields["alt1"], writer.fields["alt2"]] == ["One", "Two"]
    assert (await writer.send(title="Now", drop1="yes")).status_code == 303
    ((_, parts),) = await rows_of(database, POSTED)
    assert [one.alt for one in parts_of(parts).attachments] == ["Two"]
    assert sorted(await rows_of(database, FILES)) == [(False, "", "image"), (True, "Two", "image")]


async def test_the_same_form_sent_twice_makes_one_post_with_its_picture(
    writer: Writer, database: Database
) -> None:
    await writer.send(picture())
    first, second = await writer.send(alt1="One"), await writer.send(alt1="One")
    assert first.headers["location"] == second.headers["location"]
    assert len(await rows_of(database, POSTED)) == 1


async def test_nobody_puts_the_picture_of_somebody_else_into_a_post(
    writer: Writer, database: Database, browser: Open, place: Community
) -> None:
    await writer.send(picture())
    async with database.write() as conn:
        other = await make_person(conn)
        await join(conn, place, other)
    thief = await Writer(await browser().sign_in(other), "/c/place/new").open()
    answer = await thief.send(media1=writer.fields["media1"], alt1="Mine")
    assert answer.status_code == 422
    assert writer.fields["media1"] not in answer.text
    assert await rows_of(database, POSTED) == []


async def test_a_reply_carries_pictures_too_under_its_content_note(
    writer: Writer, database: Database, person: Actor, place: Community
) -> None:
    async with database.write() as conn:
        thread = await make_thread(conn, person, place)
    page = await writer.browser.page(f"/t/{thread.id}/reply?to={thread.id}")
    writer.path = f"/t/{thread.id}/reply"
    writer.fields = page.form(writer.path).fields | {"source": "See."}
    await writer.send(picture(), content_note="a wound")
    assert (await writer.send(alt1="A knee")).status_code == 303
    shown = await writer.browser.page(f"/t/{thread.id}")
    (inside,) = [one for one in shown.all("img") if "/media/" in one.attributes["src"]]
    assert "details" in inside.ancestors


async def test_a_picture_needs_no_words_and_neither_words_nor_picture_is_nothing(
    writer: Writer, database: Database, person: Actor, place: Community
) -> None:
    async with database.write() as conn:
        thread = await make_thread(conn, person, place)
    writer.path = f"/t/{thread.id}/reply"
    page = await writer.browser.page(f"{writer.path}?to={thread.id}")
    (words,) = [one for one in page.all("textarea") if one.attributes["name"] == "source"]
    assert "required" not in words.attributes
    form = page.form(writer.path)
    writer.fields = form.fields | {"source": ""}
    await writer.send(picture())
    first, second = await writer.send(alt1="A knee"), await writer.send(alt1="A knee")
    assert (first.status_code, first.headers["location"]) == (303, second.headers["location"])
    answers = "select parts from posts where kind = 'reply' and html = ''"
    ((parts,),) = await rows_of(database, answers)
    assert [one.alt for one in parts_of(parts).attachments] == ["A knee"]
    shown = await writer.browser.page(f"/t/{thread.id}")
    assert [one.attributes["alt"] for one in shown.all("img")] == ["A knee"]
    said = [one.text for one in shown.all("div") if one.attributes.get("class") == "words"]
    assert said == ["Mine was good."]

    writer.fields = form.fields | {"source": ""}
    refused = await writer.send()
    assert refused.status_code == 422
    assert "Please fill this in." in refused.text
    assert len(await rows_of(database, answers)) == 1


async def test_the_last_picture_of_a_post_without_words_cannot_be_left_out(
    writer: Writer, database: Database
) -> None:
    await writer.send(picture(), source="")
    posted = await writer.send(alt1="One")
    post = posted.headers["location"].split("?")[0].removeprefix("/t/")
    writer.path = f"/p/{post}/change"
    writer.fields = (await writer.browser.page(writer.path)).form(writer.path).fields
    assert (await writer.send(alt1="Two")).status_code == 303
    assert (await writer.send(drop1="yes")).status_code == 422
    assert (await rows_of(database, FILES)) == [(True, "Two", "image")]


HTML = b"<!DOCTYPE html><script>alert(1)</script>"
REFUSED = {
    "an activity": b'{"type":"Create","@context":"https://www.w3.org/ns/activitystreams"}',
    "a page": HTML,
    "SVG": b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>',
    "PDF": b"%PDF-1.7\n",
    "XML": b"<?xml version='1.0'?><x/>",
    "nothing but a beginning": b"\xff\xd8\xff" + HTML,
}


async def test_upl_01_what_is_called_a_picture_and_is_none_is_refused_and_nothing_is_kept(
    writer: Writer, database: Database
) -> None:
    for name, data in REFUSED.items():
        answer = await writer.send(data)
        assert answer.status_code == 422, name
        assert 'id="e-file"' in answer.text, name
        assert writer.fields["source"] == "It fits.", name
    assert await rows_of(database, "select 1 from media") == []
    media = writer.browser.services.data_dir / "media"
    assert [path for path in media.rglob("*") if path.is_file()] == []


async def test_files_are_taken_only_from_who_is_signed_in_on_a_page_of_ours(
    writer: Writer, database: Database, browser: Open
) -> None:
    async def send(visitor: Browser, fields: dict[str, str], **headers: str) -> httpx.Response:
        file = [("file", ("a.jpg", picture(), "image/jpeg"))]
        return await visitor.client.post(
            writer.path, data=fields, files=file, headers=KINDS | headers
        )

    stranger = await send(browser(), writer.fields)
    assert stranger.headers["location"].startswith("/sign-in")
    foreign = await send(writer.browser, writer.fields, origin="https://evil.test")
    assert foreign.status_code == 403
    old = await send(writer.browser, writer.fields | {"form_token": "x" * 40})
    assert old.status_code == 403
    assert "It fits." in old.text
    assert await rows_of(database, "select 1 from media") == []


async def test_a_post_that_is_changed_keeps_its_pictures_but_the_one_that_is_left_out(
    writer: Writer, database: Database
) -> None:
    await writer.send(picture(), picture(300, 300))
    posted = await writer.send(alt1="One", alt2="Two")
    post = posted.headers["location"].split("?")[0].removeprefix("/t/")
    writer.path = f"/p/{post}/change"
    form = (await writer.browser.page(writer.path)).form(writer.path)
    assert (form.fields["alt1"], form.fields["alt2"]) == ("One", "Two")
    writer.fields = form.fields
    kept = writer.fields["media2"]
    assert (await writer.send(picture(200, 200), source="Other words")).status_code == 422
    changed = await writer.send(drop1="yes", alt2="Two, in blue", alt3="Three")
    assert changed.status_code == 303
    ((_, parts),) = await rows_of(database, POSTED)
    found = parts_of(parts).attachments
    assert [one.alt for one in found] == ["Two, in blue", "Three"]
    assert f"/media/{kept}/full.jpg" in found[0].url
    assert [row[:2] for row in await rows_of(database, FILES)] == [
        (True, "Two, in blue"),
        (True, "Three"),
    ]
    ((source, edited),) = await rows_of(database, "select source, edited_at from posts")
    assert source == "Other words"
    assert edited is not None


async def test_nobody_changes_the_post_of_somebody_else(
    writer: Writer, database: Database, browser: Open, place: Community
) -> None:
    posted = await writer.send()
    post = posted.headers["location"].split("?")[0].removeprefix("/t/")
    async with database.write() as conn:
        other = await make_person(conn)
        await join(conn, place, other)
    visitor = await browser().sign_in(other)
    assert (await visitor.get(f"/p/{post}/change")).status_code == 403
    assert (await visitor.act(f"/p/{post}/change", title="x", source="x")).status_code == 403
    stranger = await browser().sign_in(await _stranger(database))
    assert (await stranger.get(f"/p/{post}/change")).status_code == 404
    assert await rows_of(database, "select source from posts") == [("It fits.",)]


async def _stranger(database: Database) -> Actor:
    async with database.write() as conn:
        return await make_person(conn)


async def test_pat18_a_picture_under_a_name_for_one_thread_names_nobody(
    writer: Writer, database: Database, person: Actor
) -> None:
    async with database.write() as conn:
        await conn.execute("update accounts set created_at = '2025-01-01'")
    await writer.send(picture(), unnamed="yes")
    assert (await writer.send(alt1="A knee", unnamed="yes")).status_code == 303
    ((author, owner),) = await rows_of(
        database,
        "select p.author_id, m.owner_id from posts p join media m on m.post_id = p.id",
    )
    assert author == owner != person.id


async def test_one_person_sends_two_forms_with_files_at_once_and_no_more(writer: Writer) -> None:
    places = FilePlaces()
    with places.take(1), places.take(1), places.take(2):
        with pytest.raises(FilesBusy):
            places.take(1).__enter__()
        with ExitStack() as others:
            for other in range(AT_ONCE - 3):
                others.enter_context(places.take(10 + other))
            with pytest.raises(FilesBusy):
                places.take(99).__enter__()
    with places.take(1):
        pass
    large = await writer.send(source="x" * (TEXT_BYTES + 1))
    assert large.status_code == 413


async def test_who_sends_too_many_files_in_an_hour_keeps_those_that_were_taken(
    writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(carrying, "FILES_PER_HOUR", 1)
    asked = await writer.send(picture(), picture(300, 300))
    assert asked.status_code == 422
    assert "very often in a short time" in asked.text
    assert 'id="e-file"' in asked.text
    assert writer.fields["media1"]
    assert "media2" not in writer.fields
    assert writer.fields["source"] == "It fits."
