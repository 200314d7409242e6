"""XSS: hostile markup and texts in every place that a page shows, before the eyes of a browser.

The browser's content policy is switched off, so that it does not hide what our own care has missed;
that the policy is there as well is looked at by itself.
"""

from __future__ import annotations

import json
import os
import shutil
import zipfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from forum.text import clean_remote, plain_text
from forum.text.clean import sanitise
from forum.text.markdown import to_html
from server.exporting import Exporter
from storage import exports, sessions
from storage.parts import Attachment, Parts, Tag, to_stored
from tests.badinput.hostile import MARKUP, TEXTS
from tests.badinput.oracle import Oracle, in_one_loop
from tests.badinput.world import SITE, World
from tests.factories import far_future, join, make_person, make_poll
from tests.forum.text.test_clean import inspect

playwright_api = pytest.importorskip(
    "playwright.async_api", reason="needs playwright: pip install playwright"
)
CHROMIUM = os.environ.get("DAZZLE_CHROMIUM") or shutil.which("chromium")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
             "--disable-background-networking", "--disable-component-update",
             "--disable-sync"]  # fmt: skip

pytestmark = in_one_loop()
needs_chromium = pytest.mark.skipif(
    CHROMIUM is None, reason="needs Chromium: Debian package chromium"
)

# What of a page no page of ours may hold, however a browser came to see it there.
FAULTS = r"""() => {
  const found = window.ran ? ['something ran'] : [], ids = new Set(), here = location.host;
  const none = /^(SCRIPT|IFRAME|OBJECT|EMBED|BASE|TEMPLATE|NOSCRIPT|MATH|ANIMATE|FOREIGNOBJECT)$/i;
  for (const one of document.querySelectorAll('*')) {
    const isOwn = one.tagName === 'SCRIPT' && one.src.startsWith(location.origin + '/static/');
    if (none.test(one.tagName) && !isOwn) found.push('<' + one.tagName + '>');
    if (one.id && ids.has(one.id)) found.push('twice: ' + one.id);
    ids.add(one.id);
    for (const {name, value} of one.attributes) {
      if (/^(on|style$|srcdoc$|ping$|background$|contenteditable$|autofocus$)/.test(name))
        found.push(one.tagName + ' ' + name);
      if (name === 'formaction' && !value.startsWith('/p/')) found.push('formaction ' + value);
    }
    if (one.tagName === 'A' && one.href) {
      if (!/^(https?:|mailto:)/.test(one.href)) found.push('link ' + one.href);
      if (one.host && one.host !== here && !one.rel.includes('noopener'))
        found.push('rel of ' + one.href);
    }
    for (const address of [one.src, one.action, one.poster])
      if (typeof address === 'string' && address && new URL(address).host !== here)
        found.push(one.tagName + ' ' + address);
  }
  if (document.documentElement.textContent.includes('54444439')) found.push('a template ran');
  return found;
}"""

TEXT_PLACES = (
    "update actors set display_name = $1 where kind <> 'instance'",
    "update communities set questions = array[$1, $1], rules_source = $1, description_source = $1",
    "update communities set rules_version = 1",
    "update posts set title = $1 where title <> ''",
    "update posts set content_note = $1 where parts is not null",
    "update poll_options set name = left(position || $1, 200)",
    "update site set title = $1, contact = $1, signup_question = $1, about_source = $1",
    "update instances set software = $1, version = $1",
    "update accounts set signup_answer = $1 where state = 'waiting'",
    "update memberships set answers = array[$1], reason = $1, stopped_reason = $1,"
    " decided_at = now()",
    "update reports set reason = $1",
    "update passkeys set name = $1",
    "update mails set reason = $1, state = 'dead'",
    "update mutes set word = left($1, 60) where kind = 'word'",
)
HTML_PLACES = (
    "update actors set summary_html = $1",
    "update communities set description_html = $1, rules_html = $1",
    "update site set about_html = $1",
)
OTHERS = (
    "update accounts set role = 'admin' where actor_id = $1",
    "delete from passkeys where account_id = $1",
    "delete from mutes where owner_id = $1",
    "delete from mails where account_id = $1",
    "insert into passkeys (id, account_id, public_key, name) values ('x', $1, 'x', 'x')",
    "insert into mutes (owner_id, kind, word) values ($1, 'word', 'x')",
    "insert into mails (id, account_id, address, kind) values (1, $1, 'a@b.test', 'let_in')",
)


@asynccontextmanager
async def looking(world: World, headers: dict[str, str]) -> AsyncIterator[tuple[Any, list[str]]]:
    """A browser at this world's address, and what it asked anybody else for."""
    elsewhere: list[str] = []

    async def answer(route: Any) -> None:
        address = httpx.URL(route.request.url)
        if address.host != SITE.host:
            elsewhere.append(route.request.url)
            await route.abort()
            return
        if address.path.startswith("/static/"):  # ours, and the same on each page
            await route.fulfill(status=200, body="")
            return
        got = await world.http.get(
            address.raw_path.decode(), headers={"host": SITE.host, **headers}
        )
        kept = {name: value for name, value in got.headers.items() if name != "content-encoding"}
        await route.fulfill(status=got.status_code, headers=kept, body=got.content)

    async with playwright_api.async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        try:
            context = await browser.new_context(bypass_csp=True, locale="en-GB")
            await context.route("**/*", answer)
            page = await context.new_page()
            page.on("dialog", lambda dialog: elsewhere.append(dialog.message))
            yield page, elsewhere
        finally:
            await browser.close()


async def planted(world: World, text: str) -> list[str]:
    """The pages that show it, in each place for words the text and in each for markup all of it."""
    html = "".join(clean_remote(one) for name, one in MARKUP.items() if "XSS-03" in name)
    parts = Parts(
        (
            Attachment("image", "https://there.test/a.png", "image/png", text, 4, 4),
            Attachment("link", "https://there.test/page", "text/html", text),
            Attachment("video", "https://there.test/v.mp4", "video/mp4", text, seconds=4),
        ),
        (Tag("hashtag", text, "https://there.test/tags/x"), Tag("emoji", text)),
    )
    note = world.note(content=f"<p>{text}</p>", name=text[:200])
    await world.post(world.create(note))
    await world.work()
    async with world.database.write() as conn:
        await conn.execute(
            "update posts set parts = $1 where uri = $2", to_stored(parts), note["id"]
        )
        poll = await make_poll(conn, world.person, world.community, "yes", "no")
        asking = await make_person(conn, state="waiting")
        await join(conn, world.community, asking, state="asked")
        thread = await conn.fetchval("select id from posts where uri = $1", note["id"])
        insert = "insert into reports (id, post_id, reporter_id, reason) values ($1, $2, $3, 'x')"
        await conn.execute(insert, poll.id, thread, asking.id)
        for statement in OTHERS:
            await conn.execute(statement, world.person.id)
        for places, words in ((TEXT_PLACES, text), (HTML_PLACES, html)):
            for statement in places:
                await conn.execute(statement, *([words] if "$1" in statement else []))
    place, host = f"/c/{world.community.name}", world.ada.split("/")[2]
    return [
        "/", "/communities", "/about", "/privacy", "/help", place,
        f"{place}/new", f"{place}/rules", f"{place}/you", f"{place}/members",
        f"{place}/moderation", f"{place}/moderation/joining", f"{place}/invite", f"/t/{thread}",
        f"/t/{thread}/reply", f"/p/{thread}", f"/t/{poll.id}", f"/p/{poll.id}/change",
        f"/u/{world.person.name}", f"/u/ada@{host}", "/settings", "/settings/passkeys",
        "/settings/blocks", "/settings/consent", "/admin", "/admin/people", "/admin/sign-up",
        "/admin/mail", "/communities/find?address=" + quote(text), "/nothing/" + quote(text),
    ]  # fmt: skip


@needs_chromium
async def test_a_browser_sees_in_cleaned_markup_what_the_sanitiser_saw(world: World) -> None:
    """XSS-03: a second parser reads the same, and nothing in it runs or asks anybody."""
    cleaned = [clean_remote(one) for one in MARKUP.values()]
    cleaned += [sanitise(to_html(one)) for one in MARKUP.values()]
    async with looking(world, {}) as (page, elsewhere):
        await page.goto(SITE.origin + "/about")
        read = await page.evaluate(
            """all => all.map(html => {
              const place = document.createElement('div');
              document.querySelector('main').append(place);
              place.innerHTML = html;
              return place.innerHTML;
            })""",
            cleaned,
        )
        assert read == cleaned
        await page.wait_for_load_state("networkidle")
        assert await page.evaluate(FAULTS) == []
        assert elsewhere == []


@needs_chromium
async def test_no_page_runs_loads_or_is_broken_by_what_stands_in_it(world: World) -> None:
    """XSS-05, XSS-07, XSS-08: names, titles, rules, questions, answers, descriptions."""
    text = " ".join(list(TEXTS.values())[:4])
    paths = await planted(world, text)
    async with world.database.write() as conn:
        token = await sessions.start(conn, world.person.id, world.clock.now())
    shown, headers = 0, {"cookie": f"__Host-dazzle={token}"}
    async with looking(world, headers) as (page, elsewhere):
        for path in (*paths, "/sign-in", "/sign-up"):
            if path == "/sign-in":
                headers.clear()
            answer = await page.goto(SITE.origin + path)
            assert answer.status in (200, 404), (path, answer.status)
            policy = answer.headers["content-security-policy"]
            assert "default-src 'none'" in policy
            assert "unsafe" not in policy
            assert await page.evaluate(FAULTS) == [], path
            assert elsewhere == [], path
            shown += text.split(maxsplit=1)[0] in await page.inner_text("html")
    assert shown > 20


async def test_xss_08_a_document_says_hostile_names_as_texts(world: World) -> None:
    for text in TEXTS.values():
        async with world.database.write() as conn:
            await conn.execute("update actors set display_name = $1 where is_local", text)
        answer = await world.get(
            f"/ap/actors/{world.community.id}", accept="application/activity+json"
        )
        assert answer.headers["content-type"].startswith("application/activity+json")
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert json.loads(answer.text)["name"] == text


@needs_chromium
async def test_xss_08_a_copy_to_take_along_runs_nothing(world: World, tmp_path: Path) -> None:
    """It is opened from a file, where no policy of this server protects it."""
    text = TEXTS["XSS-08 markup"]
    await planted(world, text)
    async with world.database.write() as conn:
        await exports.ask(conn, world.person.id, world.clock.now(), far_future())
    assert await Exporter(world.parts.services, tmp_path).step()
    (made,) = os.scandir(tmp_path)
    with zipfile.ZipFile(made) as copy:
        assert all(".." not in name and not name.startswith("/") for name in copy.namelist())
        html = copy.read("index.html").decode()
        assert json.loads(copy.read("actor.json"))["name"] == text
        assert json.loads(copy.read("outbox.json"))["orderedItems"]
    async with looking(world, {}) as (page, elsewhere):
        await page.goto(SITE.origin + "/robots.txt")
        await page.set_content(html, wait_until="networkidle")
        assert "onerror=window.ran=1>" in await page.inner_text("body")
        found = [one for one in await page.evaluate(FAULTS) if one != "<STYLE>"]
        assert (found, elsewhere) == ([], [])


@pytest.mark.parametrize(
    "html",
    [
        "<div>" * 5_000 + "words",
        "<b>" * 5_000 + "words" + "</i>" * 5_000,
        "<p>words</p>" + "<a href=" * 3_000,
        "<table><a>" * 400 + "words",
        "words" + "<svg><style>" * 2_000,
    ],
    ids=["deep", "crossed", "never closed", "tables", "other rules"],
)
async def test_xss_09_what_is_too_costly_to_clean_is_taken_as_plain_text(
    world: World, oracle: Oracle, html: str
) -> None:
    note = world.reply(content=html)
    verdict = await oracle.accept(lambda: world.post(world.create(note)))
    stored = await world.observer.fetchval("select html from posts where uri = $1", note["id"])
    inspect(stored)
    assert "words" in plain_text(stored)
    assert sanitise(stored) == stored
    assert verdict.seconds < 5
