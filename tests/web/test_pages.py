"""Every page: readable by a screen reader, small, with the headers that browsers are owed."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import httpx

from storage.db import Database
from tests.factories import join, make_community, make_person, make_reply, make_thread
from tests.web.conftest import Browser
from tests.web.html import Element, Page

Open = Callable[..., Browser]

LARGEST = 100_000
POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; media-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
PUBLIC = ["/", "/communities", "/c/place", "/c/quiet", "/sign-in", "/sign-up", "/about",
          "/privacy", "/help", "/no/such/page", "/t/abc", "/i/nothing"]  # fmt: skip
SIGNED_IN = ["/", "/communities", "/communities/new", "/communities/find", "/c/place",
             "/c/place/new", "/c/place/invite", "/c/place/moderation", "/c/quiet", "/settings",
             "/admin"]  # fmt: skip


async def arrange(database: Database, browser: Open) -> tuple[Browser, list[str]]:
    """An administrator, and the pages of a thread with a content note and a reply."""
    async with database.write() as conn:
        admin = await make_person(conn, "rosa", role="admin")
        other = await make_person(conn, "timo")
        asking = await make_person(conn, "asking")
        place = await make_community(conn, admin, name="place", condition="ORPHA:558")
        quiet = await make_community(
            conn, admin, name="quiet", readers="members", listed=True, joining="apply"
        )
        await join(conn, place, other)
        await join(conn, quiet, asking, state="asked")
        thread = await make_thread(conn, other, place)
        reply = await make_reply(conn, other, thread)
        await conn.execute("update posts set content_note = 'loss' where id = $1", reply.id)
    paths = [f"/t/{thread.id}", f"/t/{thread.id}/reply?to={reply.id}", f"/p/{reply.id}",
             f"/p/{thread.id}", "/u/timo", "/u/rosa"]  # fmt: skip
    return await browser().sign_in(admin), paths


async def all_pages(database: Database, browser: Open) -> list[tuple[str, httpx.Response]]:
    admin, paths = await arrange(database, browser)
    nobody = browser()
    await admin.act(f"{paths[2]}/report", reason="Please look.")
    return [
        *[(f"nobody {path}", await nobody.get(path)) for path in (*PUBLIC, *paths)],
        *[(f"admin {path}", await admin.get(path)) for path in (*SIGNED_IN, *paths)],
        ("a wrong form", await admin.send("/communities/new", "/communities/new")),
        ("a wrong sign-up", await nobody.send("/sign-up", "/sign-up", name="?", password="x")),
    ]


async def test_every_page_can_be_read_aloud(database: Database, browser: Open) -> None:
    for name, answer in await all_pages(database, browser):
        if answer.status_code == 303:
            continue
        page = Page(answer.text)
        html = page.all("html")[0].attributes
        assert (html["lang"], html["dir"]) == ("en", "ltr"), name
        assert len(page.all("h1")) == 1, name
        assert page.all("title")[0].text.strip().endswith("· Here"), name
        assert page.all("h1")[0].text.strip(), name
        _check_headings(name, page)
        _check_ids(name, page)
        _check_fields(name, page)
        _check_names(name, page)
        assert {"header", "nav", "main", "footer"} <= {e.tag for e in page.elements}, name
        assert page.links()[0] == "#main", name


def _check_headings(name: str, page: Page) -> None:
    levels = [int(e.tag[1]) for e in page.elements if e.tag in ("h1", "h2", "h3", "h4")]
    for before, after in pairwise(levels):
        assert after <= before + 1, (name, levels)


def _check_ids(name: str, page: Page) -> None:
    ids = [e.attributes["id"] for e in page.elements if "id" in e.attributes]
    assert len(ids) == len(set(ids)), (name, [i for i in ids if ids.count(i) > 1])
    for element in page.elements:
        for attribute in ("aria-describedby", "aria-labelledby", "for"):
            for target in element.attributes.get(attribute, "").split():
                assert target in ids, (name, attribute, target)
        href = element.attributes.get("href", "")
        if href.startswith("#") and len(href) > 1:
            assert href[1:] in ids, (name, href)


def _check_fields(name: str, page: Page) -> None:
    labelled = {label.attributes.get("for") for label in page.all("label")}
    for tag in ("input", "textarea", "select"):
        for element in page.all(tag):
            if element.attributes.get("type") == "hidden":
                continue
            has_label = element.attributes.get("id") in labelled or "label" in element.ancestors
            assert has_label, (name, element)
    for group in page.all("fieldset"):
        assert group.attributes["id"].startswith("f-"), name
    assert len(page.all("legend")) == len(page.all("fieldset")), name


def _check_names(name: str, page: Page) -> None:
    """Links and buttons say what they do; pictures stay silent."""

    def says_something(element: Element) -> bool:
        return bool(element.text.strip() or element.attributes.get("aria-label"))

    for tag in ("a", "button", "summary", "th"):
        for element in page.all(tag):
            assert says_something(element), (name, element)
    for picture in page.all("svg"):
        assert picture.attributes.get("aria-hidden") == "true", name


async def test_every_answer_has_the_headers_and_is_small(database: Database, browser: Open) -> None:
    answers = await all_pages(database, browser)
    nobody = browser()
    sheet = next(
        link.attributes["href"]
        for link in Page(answers[0][1].text).all("link")
        if link.attributes["rel"] == "stylesheet"
    )
    answers += [("styles", await nobody.get(sheet)), ("robots", await nobody.get("/robots.txt"))]
    answers += [("redirect", await nobody.get("/settings"))]
    answers += [("refused", await nobody.post("/sign-out", {}))]
    for name, answer in answers:
        assert answer.headers["content-security-policy"] == POLICY, name
        assert answer.headers["referrer-policy"] == "same-origin", name
        assert answer.headers["x-content-type-options"] == "nosniff", name
        assert answer.headers["cross-origin-opener-policy"] == "same-origin", name
        assert answer.headers["cross-origin-resource-policy"] == "same-origin", name
        assert "geolocation=()" in answer.headers["permissions-policy"], name
        assert "max-age=31536000" in answer.headers["strict-transport-security"], name
        assert "server" not in answer.headers, name
        assert len(answer.content) < LARGEST, (name, len(answer.content))
        assert "style=" not in answer.text, name
        assert "<script" not in answer.text, name


async def test_a_signed_in_page_is_kept_by_no_cache(database: Database, browser: Open) -> None:
    admin, paths = await arrange(database, browser)
    for path in (*SIGNED_IN, *paths):
        assert (await admin.get(path)).headers["cache-control"] == "private, no-store", path
    assert (await browser().get(paths[0])).headers["cache-control"] == "no-cache"


async def test_the_stylesheet_has_an_address_of_its_own_for_every_version(
    nobody: Browser,
) -> None:
    page = await nobody.page("/about")
    href = next(link.attributes["href"] for link in page.all("link") if "stylesheet" in str(link))
    answer = await nobody.get(href)
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["content-type"] == "text/css; charset=utf-8"
    assert (await nobody.get("/static/dazzle.000000000000.css")).status_code == 404
    assert (await nobody.get("/static/..%2fi18n.py")).status_code == 404


async def test_pages_are_listed_by_search_engines_only_where_the_community_says_so(
    database: Database, browser: Open
) -> None:
    async with database.write() as conn:
        owner = await make_person(conn)
        found = await make_community(conn, owner, name="found", indexed=True)
        unfound = await make_community(conn, owner, name="unfound")
        card = await make_community(
            conn, owner, name="card", readers="members", listed=True, indexed=True
        )
        in_found = await make_thread(conn, owner, found)
        in_unfound = await make_thread(conn, owner, unfound)
        in_card = await make_thread(conn, owner, card)
    nobody = browser()
    for path, is_listed in {
        "/c/found": True, f"/t/{in_found.id}": True, "/c/card": True, "/about": True,
        "/c/unfound": False, f"/t/{in_unfound.id}": False, f"/t/{in_card.id}": False,
        f"/p/{in_found.id}": False, "/": False, f"/u/{owner.name}": False, "/sign-in": False,
    }.items():  # fmt: skip
        answer = await nobody.get(path)
        assert ("x-robots-tag" not in answer.headers) == is_listed, path
        assert ('name="robots" content="noindex"' not in answer.text) == is_listed, path
    member = await browser().sign_in(owner)
    assert "x-robots-tag" in (await member.get(f"/t/{in_card.id}")).headers


async def test_the_organisation_leads_and_the_software_stays_in_the_footer(
    nobody: Browser,
) -> None:
    page = await nobody.page("/")
    assert "Here" in page.all("header")[0].text
    assert "Dazzle" not in page.all("header")[0].text + page.all("main")[0].text
    assert "Dazzle" in page.all("footer")[0].text


async def test_the_server_itself_looks_healthy_to_a_head_request(nobody: Browser) -> None:
    assert (await nobody.client.head("/")).status_code == 200
