"""Forms with files at their door: who may send them, what comes back, how long they may take."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack

import httpx
import pytest
from starlette.routing import Route, Router

from forum.accounts import suspend_account
from storage import sessions
from storage.actors import Actor
from storage.communities import Community
from storage.db import Database
from tests.factories import make_person
from tests.web.conftest import Browser
from tests.web.writer import KINDS, Writer, picture, rows_of
from web import door
from web.file_forms import POSTS
from web.file_places import AT_ONCE, FilePlaces

Open = Callable[..., Browser]
POSTED = "select title from posts"


def places_of(app: Router) -> FilePlaces:
    (posting,) = [
        one.endpoint
        for one in app.routes
        if isinstance(one, Route)
        and one.path == "/c/{name}/new"
        and isinstance(one.endpoint, door.ActDoor)
    ]
    places: FilePlaces = posting.web.file_places
    return places


async def test_while_others_send_files_words_are_posted_and_words_with_a_file_come_back(
    writer: Writer, app: Router, database: Database
) -> None:
    with ExitStack() as others:
        for other in range(AT_ONCE):
            others.enter_context(places_of(app).take(1_000_000 + other))
        busy = await writer.send(picture())
        assert busy.status_code == 503
        assert "Many files are being sent" in busy.text
        assert "It fits." in busy.text
        assert await rows_of(database, POSTED) == []
        assert (await writer.send()).status_code == 303
    assert len(await rows_of(database, POSTED)) == 1


def body_of(fields: dict[str, str], *, has_file: bool = False) -> bytes:
    parts = [f'name="{name}"\r\n\r\n{value}' for name, value in fields.items()]
    parts += ['name="file"; filename="a.jpg"\r\n\r\nxxxx'] if has_file else []
    head = "--x\r\nContent-Disposition: form-data; "
    return "".join(f"{head}{part}\r\n" for part in parts).encode() + b"--x--\r\n"


async def send_raw(
    writer: Writer, body: AsyncIterator[bytes] | bytes, **headers: str
) -> httpx.Response:
    kinds = {"content-type": "multipart/form-data; boundary=x"}
    sent = KINDS | kinds | {name.replace("_", "-"): value for name, value in headers.items()}
    return await writer.browser.client.post(writer.path, content=body, headers=sent)


async def test_res_01_files_that_are_too_much_together_are_refused_and_the_words_come_back(
    writer: Writer, database: Database
) -> None:
    body = body_of(writer.fields, has_file=True)
    large = await send_raw(writer, body, content_length=str(POSTS.total_bytes + 1))
    assert large.status_code == 413
    assert "too large to be sent at once" in large.text
    assert "It fits." in large.text
    assert await rows_of(database, POSTED) == []


@pytest.mark.parametrize("way", ["signed out", "suspended"])
async def test_aut_06_a_form_held_back_posts_nothing_once_its_sender_is_gone(
    way: str, writer: Writer, database: Database, person: Actor
) -> None:
    async def held_back() -> AsyncIterator[bytes]:
        body = body_of(writer.fields)
        yield body[:40]
        async with database.write() as conn:
            if way == "signed out":
                await sessions.end_all(conn, person.id)
            else:
                admin = await make_person(conn, role="admin")
                now = writer.browser.services.clock.now()
                token = await sessions.start(conn, admin.id, now)
                member = await sessions.read_member(conn, token, now)
                assert member is not None
                await suspend_account(conn, member, person.id, "", now)
        yield body[40:]

    answer = await send_raw(writer, held_back())
    assert answer.status_code == 403
    assert await rows_of(database, POSTED) == []
    assert "It fits." in answer.text
    assert 'href="/sign-in"' in answer.text


async def test_res_02_a_form_with_files_takes_no_longer_than_all_of_it_may(
    writer: Writer, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "FILES_SECONDS", 0.2)

    async def without_end() -> AsyncIterator[bytes]:
        yield body_of(writer.fields)[:-7]
        await asyncio.Event().wait()

    answer = await asyncio.wait_for(send_raw(writer, without_end()), 5)
    assert answer.status_code == 413
    assert await rows_of(database, POSTED) == []


async def test_res_02_what_a_stranger_sends_is_read_past_for_a_moment_only(
    browser: Open, place: Community, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "READ_PAST_SECONDS", 0.2)

    async def without_end() -> AsyncIterator[bytes]:
        yield b"--x\r\n"
        await asyncio.Event().wait()

    stranger = Writer(browser(), f"/c/{place.name}/new")
    answer = await asyncio.wait_for(send_raw(stranger, without_end()), 5)
    assert answer.headers["location"].startswith("/sign-in")
