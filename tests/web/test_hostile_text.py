"""Whatever people and other servers write, a page holds only elements that we put there."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from storage.db import Database
from tests.factories import join, make_community, make_person, make_remote_person, make_thread
from tests.web.conftest import Browser
from tests.web.html import Page

Open = Callable[..., Browser]

VECTORS = (
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "'><svg onload=alert(1)>",
    "</title></textarea></style><script>alert(1)</script>",
    "<a href='javascript:alert(1)'>x</a>",
    "[x](javascript:alert(1)) ![x](https://evil.test/x.png) <https://ok.test>",
    "{{ 7777777*7 }} {% raw %} %(name)s %s",
    "<math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe><base href=//evil.test>",
    "\u202ereversed <b id=f-title name=form_token>bold</b>",
)  # fmt: skip
TAGS = {
    "html", "head", "meta", "title", "link", "body", "svg", "symbol", "path", "use", "a", "header",
    "div", "nav", "ul", "ol", "li", "main", "p", "h1", "h2", "h3", "h4", "h5", "h6", "article",
    "span", "bdi", "b", "u", "small", "time", "details", "summary", "form", "input", "button",
    "label", "textarea", "select", "option", "fieldset", "legend", "section", "aside", "footer",
    "strong", "em", "code", "pre", "blockquote", "hr", "br", "table", "thead", "tbody", "tr", "th",
    "td", "q", "s", "del",
}  # fmt: skip


OWN_ACTION = re.compile(r"/p/[0-9]+/support")


def assert_harmless(html: str) -> None:
    page = Page(html)
    for element in page.elements:
        assert element.tag in TAGS, element
        for name, value in element.attributes.items():
            assert not name.startswith("on"), element
            assert name not in ("style", "srcdoc", "ping", "background"), element
            if name == "formaction":  # our own button, one for each post of a page
                assert OWN_ACTION.fullmatch(value), element
            if name in ("href", "action", "src"):
                assert not value.lower().lstrip().startswith(("javascript", "data", "vbscript"))
    forms = {form.action.split("?")[0] for form in page.forms}
    assert all(action.startswith("/") and not action.startswith("//") for action in forms)
    ids = [e.attributes["id"] for e in page.elements if "id" in e.attributes]
    assert len(ids) == len(set(ids)), "an id was written twice"
    sources = [e for e in page.elements if e.tag in ("link", "use") or "src" in e.attributes]
    assert all(
        e.attributes["href"].startswith(("/", "#")) for e in sources if "href" in e.attributes
    )
    assert "{{" not in html.replace("{{ 7777777*7 }}", "")
    assert "54444439" not in page.text


@pytest.mark.parametrize("vector", VECTORS)
async def test_a_hostile_text_is_shown_as_text(
    vector: str, database: Database, browser: Open
) -> None:
    async with database.write() as conn:
        owner, writer = await make_person(conn, role="admin"), await make_person(conn)
        remote = await make_remote_person(conn, name=f"r{vector}"[:60])
        community = await make_community(conn, owner, name="place", joining="apply")
        await join(conn, community, writer)
        await join(conn, community, remote)
        other = await make_thread(conn, writer, community)
        asked = await make_person(conn)
        await conn.execute("update actors set display_name = $1 where kind <> 'instance'", vector)
        await conn.execute(
            "update communities set questions = array[$1::text], description_html = ''", vector
        )
        await conn.execute("update site set title = $1, contact = $1", vector)
    person = await browser().sign_in(writer)
    started = await person.send(
        "/c/place/new", "/c/place/new", title=vector, source=vector, content_note=vector
    )
    assert started.status_code == 303
    thread = started.headers["location"].split("?")[0]
    await person.send(thread, f"{thread}/reply", source=vector)
    await (await browser().sign_in(asked)).act("/c/place/join", answer=vector)
    moderator = await browser().sign_in(owner)
    post = thread.removeprefix("/t/")
    await moderator.act(f"/p/{post}/report", reason=vector)
    await moderator.act(f"/p/{other.id}/remove", reason=vector)
    await moderator.act("/settings/unblock", person="1")
    await person.act(f"/p/{other.id}/block")
    for path in (
        "/", "/communities", "/c/place", thread, f"/p/{post}", f"{thread}/reply", "/about",
        "/c/place/moderation", "/admin", f"/u/{writer.name}", "/settings", "/help", "/privacy",
    ):  # fmt: skip
        for visitor in (browser(), person, moderator):
            answer = await visitor.get(path)
            assert answer.status_code in (200, 303, 404), path
            assert_harmless(answer.text)


@pytest.mark.parametrize("vector", VECTORS)
async def test_a_hostile_address_is_not_echoed(vector: str, nobody: Browser) -> None:
    for path in (f"/c/{vector}", f"/u/{vector}", f"/?done={vector}", f"/sign-in?next={vector}"):
        answer = await nobody.get(path)
        assert answer.status_code in (200, 404)
        assert_harmless(answer.text)


@pytest.mark.parametrize("vector", VECTORS)
async def test_a_form_shows_hostile_input_again_as_text(vector: str, nobody: Browser) -> None:
    answer = await nobody.send("/sign-up", "/sign-up", name=vector, password="x", next=vector)
    assert answer.status_code == 422
    assert_harmless(answer.text)
