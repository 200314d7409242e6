"""What is hidden answers like what was never there, byte for byte, at every door of the pages."""

from __future__ import annotations

from collections.abc import Callable

import httpx

from storage.actors import find_local_unfiltered
from storage.db import Database
from tests.factories import join, make_community, make_person, make_reply, make_thread
from tests.web.conftest import Browser
from web.routes import DONE, SHOWN, WAITED_FOR

Open = Callable[..., Browser]

UNKNOWN = {"name": "nowhere_at_all", "id": "117651958925082903", "n": "0"}
OWN = ("{name}", "{id}")
# What is below the settings is the visitor's own: who is nobody is asked to sign in.
ABOUT_SOMETHING = [
    path
    for path in [*(path for path, _ in SHOWN), *(path for path, _ in WAITED_FOR)]
    if any(part in path for part in OWN) and not path.startswith("/settings/")
]
EXTRAS = ("", "?before=1-1", "?after=1.2", "?to=117651958925082903", "?done=joined")
ACTS = [path for path, _ in DONE if any(part in path for part in OWN)]


async def arrange(database: Database) -> tuple[dict[str, str], dict[str, str]]:
    """An unlisted closed community with a thread and a reply: names to look for it by."""
    async with database.write() as conn:
        owner = await make_person(conn, "owner")
        hidden = await make_community(
            conn, owner, name="harbour", readers="members", listed=False, title="The harbour"
        )
        thread = await make_thread(conn, owner, hidden)
        reply = await make_reply(conn, owner, thread)
        open_one = await make_community(conn, owner, name="lounge")
        stranger = await make_person(conn, "stranger")
        await join(conn, open_one, stranger)
        left = await make_person(conn, "former")
        await join(conn, hidden, left, state="left")
        refused = await make_person(conn, "refused")
        await join(conn, hidden, refused, state="refused")
    return (
        {"name": "harbour", "id": str(thread.id), "n": "0"},
        {"name": "harbour", "id": str(reply.id), "n": "0"},
    )


async def visitors(database: Database, browser: Open) -> dict[str, Browser]:
    found = {"nobody": browser()}
    for name in ("stranger", "former", "refused"):
        async with database.read() as conn:
            actor = await find_local_unfiltered(conn, name)
        assert actor is not None
        found[name] = await browser().sign_in(actor)
    return found


def seen(answer: httpx.Response) -> tuple[object, ...]:
    return answer.status_code, answer.content, answer.headers.raw


async def test_a_hidden_page_is_the_page_that_is_not_there(
    database: Database, browser: Open
) -> None:
    thread, reply = await arrange(database)
    as_program = {"accept": "application/activity+json"}
    for who, visitor in (await visitors(database, browser)).items():
        for path in ABOUT_SOMETHING:
            for names in (thread, reply) if "{id}" in path else (thread,):
                for extra in EXTRAS:
                    hidden = await visitor.get(path.format(**names) + extra)
                    unknown = await visitor.get(path.format(**UNKNOWN) + extra)
                    assert hidden.status_code == 404, (who, path)
                    assert seen(hidden) == seen(unknown), (who, path, extra)
                hidden = await visitor.get(path.format(**names), **as_program)
                unknown = await visitor.get(path.format(**UNKNOWN), **as_program)
                assert seen(hidden) == seen(unknown), (who, path)


async def test_nothing_can_be_done_to_what_is_hidden(database: Database, browser: Open) -> None:
    names, _ = await arrange(database)
    fields = {"reason": "x", "source": "x", "title": "x", "uses": "1", "days": "1"}
    for who, visitor in (await visitors(database, browser)).items():
        token = await visitor.token("/settings" if visitor.is_signed_in else "/sign-in")
        for path in ACTS:
            given = {"form_token": token, **fields}
            hidden = await visitor.post(path.format(**names), given)
            unknown = await visitor.post(path.format(**UNKNOWN), given)
            assert hidden.status_code in (404, 303), (who, path)
            assert seen(hidden) == seen(unknown), (who, path)


async def test_a_hidden_community_stands_in_no_list(database: Database, browser: Open) -> None:
    names, _ = await arrange(database)
    for who, visitor in (await visitors(database, browser)).items():
        for path in ("/", "/communities", "/u/owner", "/settings", "/about"):
            text = (await visitor.get(path)).text
            assert "harbour" not in text.lower(), (who, path)
            assert names["id"] not in text, (who, path)


async def test_a_listed_closed_community_shows_its_card_and_no_more(
    database: Database, browser: Open
) -> None:
    async with database.write() as conn:
        owner = await make_person(conn, "owner")
        card = await make_community(
            conn, owner, name="quiet", readers="members", listed=True, joining="apply"
        )
        thread = await make_thread(conn, owner, card, title="A secret title")
        for _ in range(12):
            await join(conn, card, await make_person(conn))
        await conn.execute("update site set title = 'Stripes together'")
    nobody = browser()
    page = await nobody.get("/c/quiet")
    assert "Run by <bdi>Stripes together</bdi>" in page.text
    assert page.status_code == 200
    assert "Only members can read" in page.text
    assert "secret" not in page.text
    assert "members or more" not in page.text
    assert "owner" not in page.text
    assert page.headers["cache-control"] == "private, no-store"
    assert "noindex" in page.headers["x-robots-tag"]
    assert (await nobody.get(f"/t/{thread.id}")).status_code == 404
    assert (await nobody.get("/u/owner")).text.count("secret") == 0


async def test_a_member_reads_what_is_closed_and_no_cache_keeps_it(
    database: Database, browser: Open
) -> None:
    async with database.write() as conn:
        owner = await make_person(conn, "owner")
        hidden = await make_community(conn, owner, name="harbour", readers="members")
        thread = await make_thread(conn, owner, hidden, text="Only for us.")
    member = await browser().sign_in(owner)
    for path in ("/c/harbour", f"/t/{thread.id}", f"/p/{thread.id}", "/"):
        answer = await member.get(path)
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "private, no-store"
        assert "noindex" in answer.headers["x-robots-tag"]
    assert "Only for us." in (await member.get(f"/t/{thread.id}")).text
    assert (await browser().get(f"/t/{thread.id}")).status_code == 404


async def test_programs_are_sent_to_activitypub_only_where_it_answers_everybody(
    database: Database, browser: Open
) -> None:
    async with database.write() as conn:
        owner = await make_person(conn, "owner")
        wide = await make_community(conn, owner, name="wide")
        here = await make_community(conn, owner, name="here", travels="nowhere")
        far = await make_thread(conn, owner, wide)
        near = await make_thread(conn, owner, here)
    accept = {"accept": "application/activity+json, application/ld+json"}
    nobody = browser()
    for path, uri in (("/c/wide", wide.uri), (f"/t/{far.id}", far.uri), (f"/p/{far.id}", far.uri)):
        answer = await nobody.get(path, **accept)
        assert (answer.status_code, answer.headers["location"]) == (303, uri)
        assert "Accept" in answer.headers["vary"]
    for path in ("/c/here", f"/t/{near.id}", f"/p/{near.id}"):
        assert (await nobody.get(path, **accept)).status_code == 200
    assert (await nobody.get("/u/owner", **accept)).headers["location"] == owner.uri
